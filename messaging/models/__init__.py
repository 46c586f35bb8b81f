from .broadcast import Broadcast
from .delivery import Delivery
from .inbox import InboxMessage

__all__ = ["Broadcast", "Delivery", "InboxMessage"]
