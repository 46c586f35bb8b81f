from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from crm_site import story


class Command(BaseCommand):
    help = "Play the main job on the Olist shop: import, bind, ban 50 bad reviewers, announce, read the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="the folder with the Olist files")

    def handle(self, *args: Any, path: str, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        self.stdout.write(self.style.MIGRATE_HEADING("1. Import"))
        call_command("import_shop", "olist", path, stdout=self.stdout, stderr=self.stderr)
        manager, agents = story.cast()

        self.stdout.write(self.style.MIGRATE_HEADING("2. Bind every customer to an agent"))
        bound = story.bind_everybody(agents, by=manager, at=timezone.now())
        self.stdout.write(f"{bound} customers bound to {len(agents)} agents")

        self.stdout.write(self.style.MIGRATE_HEADING("3. Ban 50 buyers who only ever gave one star"))
        worst = story.worst_reviewers()
        for agent, report in zip(agents, story.ban_them(worst, agents, at=timezone.now()), strict=True):
            self.stdout.write(
                f"{agent}: {report.banned} banned, {report.standing} banned before, "
                f"{report.refused} refused (a colleague's customers)"
            )

        self.stdout.write(self.style.MIGRATE_HEADING("4. Announce a new product to all bound customers"))
        broadcast, foretold = story.announce(by=manager, at=timezone.now())
        self.stdout.write(f"{foretold.receiving} of {foretold.audience} will receive it; not: {foretold.excluded}")
        ending = story.deliver(broadcast, worst, tick=lambda: self.stdout.write(".", ending=""))

        self.stdout.write(self.style.MIGRATE_HEADING("\n5. The ledger"))
        self._print(ending)
        if not ending.holds:
            raise CommandError("The ledger does not add up.")

    def _print(self, ending: story.Ending) -> None:
        for state, count in ending.ledger.by_state.items():
            self.stdout.write(f"{state:>10} {count:>8}")
        for reason, count in ending.ledger.by_reason.items():
            self.stdout.write(f"{'because':>10} {count:>8} {reason}")
        self.stdout.write(f"{'rows':>10} {ending.ledger.total:>8}")
        self.stdout.write(f"{'audience':>10} {ending.audience:>8}")
        self.stdout.write(f"Messages to the banned: {ending.messages_to_banned}")
        rate = ending.ledger.total / max(ending.sending.total_seconds(), 0.001)
        self.stdout.write(
            f"Planned in {ending.planning.total_seconds():.1f} s, sent in {ending.sending.total_seconds():.1f} s "
            f"({rate:,.0f} rows a second)"
        )
