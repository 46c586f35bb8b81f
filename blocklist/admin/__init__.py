from . import attempts, bans

__all__ = ["attempts", "bans"]
