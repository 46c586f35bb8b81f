from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from .base import Channel, ChannelError, Outcome, OutsideChannel, Recipient

__all__ = [
    "Channel",
    "ChannelError",
    "Outcome",
    "OutsideChannel",
    "Recipient",
    "channel_choices",
    "channel_label",
    "get_channel",
]


@cache
def _load(name: str, path: str) -> Channel:
    channel: Channel = import_string(path)(name)
    return channel


def get_channel(name: str) -> Channel:
    """The channel of this name. Raises KeyError where the setting CHANNELS does not name it."""
    return _load(name, settings.CHANNELS[name])


def channel_choices() -> list[tuple[str, str]]:
    """Names and labels of all channels, for a form."""
    return [(name, str(get_channel(name).label)) for name in settings.CHANNELS]


def channel_label(name: str) -> str:
    """How the channel is called; empty stands for all, and for one that is not installed any more."""
    return str(get_channel(name).label) if name in settings.CHANNELS else _("all channels")
