from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from .base import Channel, ChannelError

__all__ = ["Channel", "ChannelError", "channel_choices", "get_channel"]


@cache
def _load(path: str) -> Channel:
    channel: Channel = import_string(path)()
    return channel


def get_channel(name: str) -> Channel:
    """The channel of this name. Raises KeyError where the setting CHANNELS does not name it."""
    return _load(settings.CHANNELS[name])


def channel_choices() -> list[tuple[str, str]]:
    """Names and labels of all channels, for a form."""
    return [(name, str(get_channel(name).label)) for name in settings.CHANNELS]
