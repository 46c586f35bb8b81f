from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from blocklist.management.arguments import add_customer, named_customer, named_user, sentences
from blocklist.models import Ban
from blocklist.services.bans import MayNotBan, ban_purchase

LONGEST_DAYS = 3650


class Command(BaseCommand):
    help = "Ban a customer from buying, at once. One who is banned already keeps his ban."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_customer(parser)
        parser.add_argument("--type", required=True, help="why: " + ", ".join(Ban.Type.values))
        parser.add_argument("--days", type=int, help="for so many days (default: without end)")
        parser.add_argument("--note", default="", help="for colleagues")

    def handle(self, *args: Any, **options: Any) -> None:
        user, at, days = named_user(options["by"]), timezone.now(), options["days"]
        customer = named_customer(options["customer"], user)
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            wrong = _("A ban is for 1 to %(most)d days, or without end.") % {"most": LONGEST_DAYS}
            raise CommandError(f"--days: {wrong}")
        until = at + timedelta(days=days) if days else None
        try:
            ban = ban_purchase(customer, type=options["type"], note=options["note"], until=until, by=user, at=at)
        except MayNotBan as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(sentences(error.message_dict)) from error
        done = _("Banned: customer #%(customer)d, ban #%(ban)d.")
        stood = _("Was banned already: customer #%(customer)d, ban #%(ban)d.")
        said = done if ban.started_at == at else stood
        self.stdout.write(said % {"customer": customer.pk, "ban": ban.pk})
