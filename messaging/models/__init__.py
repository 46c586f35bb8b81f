from .broadcast import Broadcast, unannounced
from .delivery import Delivery
from .inbox import InboxMessage
from .opt_out import OptOut

__all__ = ["Broadcast", "Delivery", "InboxMessage", "OptOut", "unannounced"]
