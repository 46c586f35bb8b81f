"""The formats that a shop can be imported from, by the names that command and panel know them by."""

from .base import Format
from .csv_format import CsvFormat
from .olist import OlistFormat
from .qianniu import QianniuFormat

FORMATS: dict[str, type[Format]] = {"olist": OlistFormat, "qianniu": QianniuFormat, "csv": CsvFormat}
