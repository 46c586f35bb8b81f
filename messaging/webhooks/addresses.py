"""Where a webhook may go: to public addresses, and to those inside the own network that the installation names.

A name is resolved once, and the connection goes to an address that was looked at: a name server that answers
differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

# IPv4 addresses inside IPv6 ones (RFC 6052): the translator connects to the inner one.
NAT64 = IPv6Network("64:ff9b::/96")
# A name with more addresses than this is not tried to its end.
MOST_ADDRESSES = 3


class AddressRefused(Exception):
    """A webhook may not go to this address. The message says why, and what to do where it is meant."""


@dataclass(frozen=True)
class Place:
    """Where an address leads, before anybody was asked for its numbers."""

    host: str
    port: int
    is_encrypted: bool
    path: str


def read_address(url: str) -> Place:
    """Take the address apart. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not host or port == 0 or not is_plain or parts.scheme not in ("http", "https"):
        raise AddressRefused(_("This is no address of the web: it begins with https:// and has a host."))
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(_("An address with a user name and password in it is not accepted."))
    is_encrypted = parts.scheme == "https"
    if not is_encrypted and not is_allowed(host):
        raise AddressRefused(
            _("Only https:// is accepted. If %(host)s is meant, name it in the setting WEBHOOK_ALLOWED_HOSTS.")
            % {"host": host}
        )
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    return Place(host=host, port=port or (443 if is_encrypted else 80), is_encrypted=is_encrypted, path=path)


def numbers(place: Place) -> list[str]:
    """The IP addresses that a connection may go to. Raises AddressRefused where one is not public, OSError."""
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_allowed(place.host):
        for address in addresses:
            if not _is_public(address):
                raise AddressRefused(
                    _(
                        "%(host)s lies inside the own network (%(address)s). If that is meant, name the host in the "
                        "setting WEBHOOK_ALLOWED_HOSTS."
                    )
                    % {"host": place.host, "address": address}
                )
    return addresses[:MOST_ADDRESSES]


def check_address(url: str) -> None:
    """Refuse an address as soon as somebody enters it. A name that cannot be resolved now may be later."""
    place = read_address(url)
    try:
        numbers(place)
    except OSError:
        return


def is_allowed(host: str) -> bool:
    return host.lower() in settings.WEBHOOK_ALLOWED_HOSTS


def _is_public(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _inner(ip) or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that such an IPv6 one stands for."""
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    return IPv4Address(ip.packed[-4:]) if ip in NAT64 else None
