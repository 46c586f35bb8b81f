from . import broadcasts, deliveries, webhooks

__all__ = ["broadcasts", "deliveries", "webhooks"]
