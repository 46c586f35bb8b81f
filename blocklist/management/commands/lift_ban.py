from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from blocklist.management.arguments import add_customer, named_customer, named_user, sentences
from blocklist.services.bans import MayNotBan, NotBanned, lift_ban


class Command(BaseCommand):
    help = "Lift a customer's ban, with a reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_customer(parser)
        parser.add_argument("--reason", required=True, help="why; it stands in the record")

    def handle(self, *args: Any, **options: Any) -> None:
        user = named_user(options["by"])
        customer = named_customer(options["customer"], user)
        try:
            ban = lift_ban(customer, reason=options["reason"], by=user, at=timezone.now())
        except (MayNotBan, NotBanned) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(sentences(error.message_dict)) from error
        self.stdout.write(_("Lifted: customer #%(customer)d, ban #%(ban)d.") % {"customer": customer.pk, "ban": ban.pk})
