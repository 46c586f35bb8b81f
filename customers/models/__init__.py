from .account import Account, FormerNick
from .agent import Agent, AgentStatusChange, Deputyship
from .api_key import ApiKey
from .attachment import Attachment
from .audit import Event, EventRow
from .binding import Binding
from .contact import ContactValue, KeyVersion
from .customer import Customer, Group
from .import_run import ImportRun
from .inquiry import Inquiry, InquiryMessage
from .inquiry_note import InquiryNote
from .job import Job, JobRow
from .level import LevelChange, LevelRule
from .merge import Duplicate, Merge
from .mute import Mute
from .note import CustomerNote
from .notification import Notification, UnwantedNews
from .order import Order, OrderLine, Refund
from .order_hold import OrderHold
from .product import Product
from .rating import InquiryRating
from .reply import AutoReply, QuickReply
from .review import Review
from .rfm import RfmScale, RfmScore
from .routing import InquiryRouting
from .saved_filter import ListPreference, SavedFilter
from .set_aside import SetAside
from .source import Source
from .stored_file import StoredFile
from .user import User
from .working_hours import ClosedDay, WorkingHours

__all__ = [
    "Account",
    "Agent",
    "AgentStatusChange",
    "ApiKey",
    "Attachment",
    "AutoReply",
    "Binding",
    "ClosedDay",
    "ContactValue",
    "Customer",
    "CustomerNote",
    "Deputyship",
    "Duplicate",
    "Event",
    "EventRow",
    "FormerNick",
    "Group",
    "ImportRun",
    "Inquiry",
    "InquiryMessage",
    "InquiryNote",
    "InquiryRating",
    "InquiryRouting",
    "Job",
    "JobRow",
    "KeyVersion",
    "LevelChange",
    "LevelRule",
    "ListPreference",
    "Merge",
    "Mute",
    "Notification",
    "Order",
    "OrderHold",
    "OrderLine",
    "Product",
    "QuickReply",
    "Refund",
    "Review",
    "RfmScale",
    "RfmScore",
    "SavedFilter",
    "SetAside",
    "Source",
    "StoredFile",
    "UnwantedNews",
    "User",
    "WorkingHours",
]
