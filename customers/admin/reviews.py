from __future__ import annotations

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, Review

from .base import ReadOnlyAdmin
from .cells import moment
from .customer_rows import linked_name, marks, told_name, with_names
from .staff import of_seen_customers


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Reviews of earlier orders still come in from banned buyers; a mark says so."""

    list_display = ("stars", "words", "buyer", "product", "reviewed")
    list_select_related = ("product",)
    list_filter = ("score", "source")
    search_fields = ("order__number__exact",)
    search_help_text = gettext_lazy("A whole order number")
    ordering = ("-pk",)
    fields = ("stars", "title", "text", "buyer_told", "order", "product", "source", "asked_at", "reviewed_at")
    empty_list_text = gettext_lazy("No reviews yet. Import a shop: python manage.py import_shop FORMAT PATH")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    @admin.display(description=gettext_lazy("score"), ordering="score")
    def stars(self, review: Review) -> SafeString:
        return format_html(
            '<span class="crm-stars" title="{}">{}</span>',
            _("%(score)s of 5 stars") % {"score": review.score},
            "★" * review.score + "☆" * (5 - review.score),
        )

    @admin.display(description=gettext_lazy("review"))
    def words(self, review: Review) -> SafeString:
        said = Truncator(" ".join(filter(None, [review.title, review.text]))).chars(70) or _("without words")
        return format_html("{} {}", said, marks(review.customer))

    @admin.display(description=gettext_lazy("customer"))
    def buyer(self, review: Review) -> SafeString | str:
        return linked_name(review.customer)

    @admin.display(description=gettext_lazy("customer"))
    def buyer_told(self, review: Review) -> SafeString:
        return format_html("{}{}", marks(review.customer), told_name(review.customer))

    @admin.display(description=gettext_lazy("reviewed at"), ordering="reviewed_at")
    def reviewed(self, review: Review) -> str:
        return moment(review.reviewed_at)
