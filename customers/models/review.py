from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .customer import Customer
from .import_run import Imported
from .order import Order
from .product import Product
from .source import Source


class Review(Imported):
    """A buyer's review of an order (or of one product of it), 1 to 5 stars."""

    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )
    external_id = models.CharField(_("external id"), max_length=100)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="reviews",
        verbose_name=_("customer"),
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews", verbose_name=_("order")
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews", verbose_name=_("product")
    )
    score = models.PositiveSmallIntegerField(_("score"), validators=[MinValueValidator(1), MaxValueValidator(5)])
    title = models.CharField(_("title"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True)
    asked_at = models.DateTimeField(_("asked at"), null=True, blank=True)
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                name="review_number_per_source",
                violation_error_message=_("This source already has a review with this number."),
            ),
            models.CheckConstraint(
                condition=Q(score__gte=1, score__lte=5),
                name="review_score_1_to_5",
                violation_error_message=_("A score is 1 to 5."),
            ),
        ]
        indexes = [
            # a customer's timeline
            models.Index(fields=["customer", "-reviewed_at", "-id"], name="review_customer"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_review_change", args=[self.pk])
