from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CrmSiteConfig(AppConfig):
    name = "crm_site"
    verbose_name = _("Shop CRM")

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)

        post_migrate.connect(_sync_roles, dispatch_uid="crm_site.sync_roles")
        post_migrate.connect(_note_version, dispatch_uid="crm_site.note_version")


def _sync_roles(sender: AppConfig, **kwargs: Any) -> None:
    from .roles import sync_roles

    # an app's permissions are made by Django's own receiver, which stands before this one
    if sender.label in {"customers", "blocklist", "messaging"}:
        sync_roles()


def _note_version(sender: AppConfig, **kwargs: Any) -> None:
    from customers.services.contact_keys import note_version

    if sender.label == "customers":
        note_version()
