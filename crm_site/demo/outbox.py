"""What rings at the bells of the made-up shop, and whom it would tell outside: both switched off, nothing is sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from customers.models import Inquiry, InquiryMessage, Source, User
from customers.services import inquiries
from messaging.models import Endpoint, Robot, WebhookDelivery
from messaging.services import outbox
from messaging.webhooks import new_secret

State = WebhookDelivery.State


def seed_outbox(staff: dict[str, User], source: Source, *, at: datetime) -> None:
    """An inquiry that changed hands, an endpoint with a log, and the robot of a group."""
    inquiry = Inquiry.objects.running().filter(agent__user=staff["yue"]).order_by("pk").first()
    if inquiry:
        inquiries.give(inquiry, agent=staff["ming"].agent, by=staff["chen"], at=at)
    endpoint = Endpoint.objects.create(
        name=_("Demo storefront"), source=source, url="https://shop.example/hooks/crm", secret=new_secret()
    )
    answers = InquiryMessage.objects.filter(author=InquiryMessage.Author.AGENT).order_by("pk")
    for answer in answers.select_related("inquiry")[:3]:
        outbox.tell_answer(answer)
    log = WebhookDelivery.objects.filter(target=endpoint)
    log.update(state=State.DELIVERED, attempts=1, response_code=200, next_at=None, settled_at=at - timedelta(minutes=1))
    log.filter(pk__in=log.order_by("-pk").values("pk")[:1]).update(
        state=State.FAILED, attempts=10, response_code=503, last_error="HTTP 503"
    )
    Endpoint.objects.filter(pk=endpoint.pk).update(is_active=False)
    Robot.objects.create(
        name="客服主管群 Leads",
        style=Robot.Style.DINGTALK,
        url="https://oapi.dingtalk.com/robot/send?access_token=made-up",
        secret="SECmade-up",  # noqa: S106
        kinds=["inquiry_waiting", "mute_ends"],
        language="zh-hans",
        is_active=False,
    )
