from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .import_run import Imported
from .source import Source


class ProductQuerySet(models.QuerySet["Product"]):
    def new(self) -> ProductQuerySet:
        return self.filter(is_new=True)


class Product(Imported):
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )
    external_id = models.CharField(_("external id"), max_length=100)
    name = models.CharField(_("name"), max_length=200)
    category = models.CharField(_("category"), max_length=100, blank=True)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2, null=True, blank=True)
    is_new = models.BooleanField(_("new arrival"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                name="product_number_per_source",
                violation_error_message=_("This source already has a product with this number."),
            ),
        ]
        indexes = [
            # the product list filtered by "new"
            models.Index(fields=["is_new", "-id"], name="product_new"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_product_change", args=[self.pk])
