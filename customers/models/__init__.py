from .account import Account, FormerNick
from .agent import Agent
from .api_key import ApiKey
from .audit import Event, EventRow
from .binding import Binding
from .contact import ContactValue
from .customer import Customer, Group
from .import_run import ImportRun
from .inquiry import Inquiry, InquiryMessage
from .job import Job, JobRow
from .level import LevelChange, LevelRule
from .merge import Duplicate, Merge
from .note import CustomerNote
from .notification import Notification, UnwantedNews
from .order import Order, OrderLine, Refund
from .product import Product
from .review import Review
from .saved_filter import ListPreference, SavedFilter
from .source import Source
from .user import User
from .working_hours import ClosedDay, WorkingHours

__all__ = [
    "Account",
    "Agent",
    "ApiKey",
    "Binding",
    "ClosedDay",
    "ContactValue",
    "Customer",
    "CustomerNote",
    "Duplicate",
    "Event",
    "EventRow",
    "FormerNick",
    "Group",
    "ImportRun",
    "Inquiry",
    "InquiryMessage",
    "Job",
    "JobRow",
    "LevelChange",
    "LevelRule",
    "ListPreference",
    "Merge",
    "Notification",
    "Order",
    "OrderLine",
    "Product",
    "Refund",
    "Review",
    "SavedFilter",
    "Source",
    "UnwantedNews",
    "User",
    "WorkingHours",
]
