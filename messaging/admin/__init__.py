from . import broadcasts, deliveries

__all__ = ["broadcasts", "deliveries"]
