from .broadcast import Broadcast, unannounced
from .delivery import Delivery
from .inbox import InboxMessage

__all__ = ["Broadcast", "Delivery", "InboxMessage", "unannounced"]
