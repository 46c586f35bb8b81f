from .attempt import Attempt
from .ban import Ban, bannable_by, banned

__all__ = ["Attempt", "Ban", "bannable_by", "banned"]
