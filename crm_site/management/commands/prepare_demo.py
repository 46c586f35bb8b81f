from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from customers.models import Customer
from customers.services import contact_keys


class Command(BaseCommand):
    help = (
        "Bring database and static files up to date, and fill an empty database with the demo shop. Repeating is safe."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        contact_keys.renew()
        call_command("collectstatic", interactive=False, verbosity=0)
        if not Customer.objects.exists():
            self.stdout.write("The database is empty: filling it with a made-up shop.")
            call_command("seed_demo")
