from .addresses import AddressRefused, check_address
from .http import Unreachable, post
from .styles import Outcome, Parcel, Verdict, get_style, new_secret

__all__ = [
    "AddressRefused",
    "Outcome",
    "Parcel",
    "Unreachable",
    "Verdict",
    "check_address",
    "get_style",
    "new_secret",
    "post",
]
