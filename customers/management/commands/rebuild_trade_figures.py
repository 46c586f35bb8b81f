from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import ngettext

from customers.services.trade_figures import rebuild_trade_figures


class Command(BaseCommand):
    help = "Write the trade figures of all customers anew from their orders. May be stopped and repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        count = rebuild_trade_figures(at=timezone.now())
        text = ngettext(
            "Rebuilt the trade figures of %(count)d customer.",
            "Rebuilt the trade figures of %(count)d customers.",
            count,
        )
        self.stdout.write(text % {"count": count})
