"""One POST to the outside: to an address that was looked at, with an end in time and size, following no redirect.

The standard library's client: it lets us connect to the very address that was checked, which the usual libraries do
only by way of private parts.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from threading import Timer

from .addresses import Place, numbers, read_address

CONNECT = 5.0
# From the connection to the end of the answer; Standard Webhooks gives receivers 15 to 30 seconds.
ANSWER = timedelta(seconds=15)
# What is read of an answer.
MOST_BYTES = 64_000


class Unreachable(Exception):
    """Nobody answered in time, or not in HTTP. The message says in short what was wrong."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it once and return the answer, whatever its status. Raises AddressRefused, Unreachable."""
    place = read_address(url)
    connection = _Connection(place, timeout=CONNECT)
    timer = None
    try:
        connection.connect()
        # a time-out of the socket begins anew with each byte, so a slow receiver would hold us for ever
        timer = Timer(ANSWER.total_seconds(), connection.cut)
        timer.daemon = True
        timer.start()
        connection.sock.settimeout(ANSWER.total_seconds())
        connection.request("POST", place.path, body=body, headers=dict(headers))
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read(MOST_BYTES)
        )
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable("time-out" if connection.is_cut else _in_short(error)) from error
    finally:
        if timer:
            timer.cancel()
        connection.close()
    if connection.is_cut:
        raise Unreachable("time-out")
    return answer


class _Connection(HTTPConnection):
    """Connects to the numbers that were looked at; the name stays in the request and in the certificate's check."""

    sock: socket.socket
    # the same, which the base class forgets when the answer begins
    wire: socket.socket

    def __init__(self, place: Place, *, timeout: float) -> None:
        super().__init__(place.host, place.port, timeout=timeout)
        self.place = place
        self.is_cut = False

    def connect(self) -> None:
        self.sock = self.wire = _first_open(numbers(self.place), self.port, timeout=CONNECT)
        if self.place.is_encrypted:
            self.sock = self.wire = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """End it from another thread: whoever reads finds the end."""
        self.is_cut = True
        with suppress(OSError):
            # not TLS's own shutdown, which takes its state away from the thread that reads
            socket.socket.shutdown(self.wire, socket.SHUT_RDWR)


def _first_open(addresses: list[str], port: int, *, timeout: float) -> socket.socket:
    error: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except OSError as failed:
            error = failed
    raise error or OSError("no address")


def _in_short(error: Exception) -> str:
    """No address, name or content of a message: this stands in the log of the deliveries."""
    if isinstance(error, TimeoutError):
        return "time-out"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason or 'failed'}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return type(error).__name__
