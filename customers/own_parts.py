"""What the customers app itself puts into the registry that upper apps fill too."""

from .admin import timeline_entries
from .admin.bulk_actions import ACTIONS
from .admin.last_order import LAST_ORDER
from .admin.levels import level_box
from .admin.merges import merge_box
from .admin.mutes import mutes_of
from .admin.rfm import SEGMENT_COLUMN
from .imports import work
from .parts import Box, parts
from .services import (
    agents,
    approvals,
    bulk_actions,
    customer_jobs,
    deputies,
    hand_overs,
    inquiry_notes,
    jobs,
    mutes,
    routing,
)
from .services.exports import ExportCustomers
from .services.group_rules import RULE_STOPPED, RefreshGroups
from .services.merge_parts import MERGE_PARTS
from .services.merges import FindDuplicates
from .services.order_holds import ORDER_HELD
from .services.reverts import RevertImport
from .services.rfm import RefreshRfm
from .services.thresholds import ApplyThresholds

RECEPTION_NEWS = (
    routing.INQUIRY_WAITING,
    inquiry_notes.TRANSFERRED,
    agents.STATUS_SET,
    mutes.MUTE_ENDS,
    deputies.DEPUTYSHIP_PROPOSED,
    deputies.DEPUTYSHIP_APPROVED,
    hand_overs.CUSTOMERS_HANDED_OVER,
)


def register() -> None:
    parts.notification_kinds[jobs.JOB_ENDED.name] = jobs.JOB_ENDED
    parts.notification_kinds[customer_jobs.APPROVAL_NEEDED.name] = customer_jobs.APPROVAL_NEEDED
    parts.notification_kinds[approvals.DECIDED.name] = approvals.DECIDED
    parts.notification_kinds.update({kind.name: kind for kind in RECEPTION_NEWS})
    parts.notification_kinds[ORDER_HELD.name] = ORDER_HELD
    parts.job_kinds[FindDuplicates.name] = FindDuplicates
    parts.job_kinds[ApplyThresholds.name] = ApplyThresholds
    parts.job_kinds[RefreshRfm.name] = RefreshRfm
    parts.job_kinds[RefreshGroups.name] = RefreshGroups
    parts.notification_kinds[RULE_STOPPED.name] = RULE_STOPPED
    parts.list_columns.append(SEGMENT_COLUMN)
    parts.job_kinds.update({kind.name: kind for kind in bulk_actions.KINDS})
    parts.job_kinds[ExportCustomers.name] = ExportCustomers
    parts.bulk_actions[:0] = ACTIONS  # first in the menu
    parts.job_kinds.update({kind.name: kind for kind in (work.TryImport, work.Import, RevertImport)})
    parts.merge_parts += MERGE_PARTS
    parts.boxes.append(Box(name="merge", template="admin/customers/duplicate/box.html", context=merge_box))
    parts.job_kinds[hand_overs.HandOverStock.name] = hand_overs.HandOverStock
    parts.boxes.append(Box(name="mutes", template="admin/customers/mute/box.html", context=mutes_of))
    parts.boxes.append(Box(name="level", template="admin/customers/level/box.html", context=level_box))
    parts.list_columns.insert(0, LAST_ORDER)
    # before those of the upper apps, which are ready first
    parts.timeline[:0] = timeline_entries.SOURCES
    parts.event_labels |= timeline_entries.EVENT_LABELS
