from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Source, User
from customers.services.api_keys import create_key


class Command(BaseCommand):
    help = (
        "Make a key for a REST client. The key is printed once, alone on standard output, and can not be shown again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the key is for, such as 'checkout of the web shop'")
        parser.add_argument("--source", required=True, help="code of the storefront or shop that the key belongs to")
        parser.add_argument("--create-source", action="store_true", help="make the source where it does not exist")
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="extend",
            nargs="+",
            required=True,
            help="what the key may do: " + ", ".join(settings.API_SCOPES),
        )
        parser.add_argument("--user", metavar="LOGIN", help="staff user whom the key acts as, with that user's rights")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _key, secret = create_key(
                options["name"],
                source=self._source(options["source"], create=options["create_source"]),
                scopes=options["scopes"],
                user=self._user(options["user"]),
                at=timezone.now(),
            )
        except ValidationError as error:
            known = _("Scopes: %(scopes)s.") % {"scopes": ", ".join(settings.API_SCOPES)}
            raise CommandError(" ".join([*error.messages, known])) from error
        self.stderr.write(_("Keep this key; it is not shown again."))
        self.stdout.write(secret)

    def _source(self, code: str, *, create: bool) -> Source:
        if source := Source.objects.filter(code=code).first():
            return source
        if not create:
            known = ", ".join(Source.objects.order_by("code").values_list("code", flat=True)) or "-"
            raise CommandError(
                _("There is no source %(code)s. Known: %(known)s. --create-source makes it.")
                % {"code": code, "known": known}
            )
        source = Source(code=code, name=code)
        source.full_clean()
        source.save()
        return source

    def _user(self, login: str | None) -> User | None:
        if login is None:
            return None
        user = User.objects.filter(username=login).first()
        if user is None:
            raise CommandError(_("There is no user %(login)s.") % {"login": login})
        return user
