from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .inquiry import Inquiry


class InquiryRating(models.Model):
    """What the customer thought of the service in one closed inquiry."""

    class Score(models.IntegerChoices):
        VERY_SATISFIED = 0, _("very satisfied")
        SATISFIED = 1, _("satisfied")
        NEUTRAL = 2, pgettext_lazy("rating", "neutral")
        DISSATISFIED = 3, _("dissatisfied")
        VERY_DISSATISFIED = 4, _("very dissatisfied")

    class Origin(models.TextChoices):
        INVITED = "invited", pgettext_lazy("rating", "invited")
        OWN = "own", pgettext_lazy("rating", "of his own accord")
        SYSTEM = "system", pgettext_lazy("rating", "by the system")

    inquiry = models.OneToOneField(Inquiry, on_delete=models.PROTECT, related_name="rating", verbose_name=_("inquiry"))
    score = models.PositiveSmallIntegerField(_("rating"), choices=Score.choices)
    source = models.CharField(_("source"), max_length=10, choices=Origin.choices)
    text = models.TextField(_("text"), max_length=1000, blank=True)
    first_rated_at = models.DateTimeField(_("first rated"))
    rated_at = models.DateTimeField(_("rated"))

    class Meta:
        verbose_name = _("customer rating")
        verbose_name_plural = _("customer ratings")
        constraints = [
            models.CheckConstraint(
                condition=Q(score__lte=4),
                name="inquiry_rating_score_known",
                violation_error_message=_("A rating goes from 0, very satisfied, to 4, very dissatisfied."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
