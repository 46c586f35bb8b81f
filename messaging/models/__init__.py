from .broadcast import Broadcast, unannounced
from .delivery import Delivery
from .inbox import InboxMessage
from .opt_out import OptOut
from .webhook import Endpoint, Robot, WebhookDelivery, WebhookTarget

__all__ = [
    "Broadcast",
    "Delivery",
    "Endpoint",
    "InboxMessage",
    "OptOut",
    "Robot",
    "WebhookDelivery",
    "WebhookTarget",
    "unannounced",
]
