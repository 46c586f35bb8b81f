"""How a buyer is blocked and unblocked by hand in a marketplace's own seller tool."""

from __future__ import annotations

from django.utils.translation import gettext as _

from blocklist.models import MarketplaceTask
from customers.models import Source

# What the codes of the shops on Taobao and Tmall begin with: their seller tool is Qianniu.
OF_QIANNIU = ("taobao", "tmall")


def steps(action: str, source: Source) -> list[str]:
    """What to do there, step by step, in the language that is active."""
    is_block = action == MarketplaceTask.Action.BLOCK
    if source.code.lower().startswith(OF_QIANNIU):
        return _block_in_qianniu() if is_block else _unblock_in_qianniu()
    told = {"source": source.name}
    if is_block:
        return [
            _("Open the seller tool of %(source)s and find its list of blocked buyers.") % told,
            _("Copy the nick above and add him to the list, so that he can place no order."),
            _("Do not block him in the chat: he may still ask."),
            _("Come back and tick it here."),
        ]
    return [
        _("Open the seller tool of %(source)s and find its list of blocked buyers.") % told,
        _("Copy the nick above, find him in the list and take him out."),
        _("Come back and tick it here."),
    ]


def _block_in_qianniu() -> list[str]:
    return [
        _("Sign in to the Qianniu workbench (千牛工作台) with an account that may manage trades."),
        _("Search its functions for 黑名单 (blocklist) and open the list of buyers who may place no order."),
        _("Choose 添加 (add), paste the nick, give a reason and confirm."),
        _("Do not block him in Wangwang (旺旺): he may still ask."),
        _("Come back and tick it here."),
    ]


def _unblock_in_qianniu() -> list[str]:
    return [
        _("Sign in to the Qianniu workbench (千牛工作台) with an account that may manage trades."),
        _("Search its functions for 黑名单 (blocklist) and open the list of buyers who may place no order."),
        _("Search for the nick, choose 移除 (remove) and confirm."),
        _("Come back and tick it here."),
    ]
