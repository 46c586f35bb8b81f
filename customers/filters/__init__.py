"""The filters of the lists: one strict set serves the panel, the API, jobs, rule-driven groups and audiences."""

from .customers import PERSONAL, RANGES, CustomerFilter
from .lists import InquiryFilter, OrderFilter
from .strict import DAYS, YEARS, Condition, InvalidFilter, MomentFilter, StrictFilterSet, restored, stored

__all__ = [
    "DAYS",
    "PERSONAL",
    "RANGES",
    "YEARS",
    "Condition",
    "CustomerFilter",
    "InquiryFilter",
    "InvalidFilter",
    "MomentFilter",
    "OrderFilter",
    "StrictFilterSet",
    "restored",
    "stored",
]
