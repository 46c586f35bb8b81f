"""What the demo shop has prepared to say: quick replies, and what is answered by itself."""

from __future__ import annotations

from collections.abc import Mapping

from customers.models import AutoReply, QuickReply, User

QUICK_REPLIES = [
    (
        "hi",
        "问候 Greeting",
        "{nick}您好，请问有什么可以帮您？",
        "Hello {nick}, how can I help?",
    ),
    ("fh", "发货 Shipping", "订单{order}会在48小时内发出。", "Your order {order} leaves within 48 hours."),
    ("cm", "尺码 Sizes", "请告诉我身高和体重，我帮您选尺码。", "Tell me your height and weight and I choose the size."),
    ("bye", "结束 Goodbye", "感谢光临{shop}，祝您生活愉快！", "Thank you for visiting {shop}. Have a nice day!"),
]
AUTO_REPLIES = [
    ("greeting", "{nick}您好，{agent}马上就来。", "Hello {nick}, {agent} will be with you in a moment."),
    ("all_busy", "客服都在忙，请稍等。", "All of us are busy; somebody will be with you soon."),
    ("outside_hours", "我们{back_at}回来，请先留言。", "We are back at {back_at}. Please leave us a message."),
]


def seed_replies(staff: Mapping[str, User]) -> None:
    for code, title, text_zh, text_en in QUICK_REPLIES:
        QuickReply.objects.create(code=code, title=title, text_zh=text_zh, text_en=text_en)
    for kind, text_zh, text_en in AUTO_REPLIES:
        AutoReply.objects.create(kind=kind, text_zh=text_zh, text_en=text_en)
    own = "我是{agent}，很高兴为您服务！", "This is {agent}, what can I do for you?"
    AutoReply.objects.create(kind=AutoReply.Kind.GREETING, agent=staff["ming"].agent, text_zh=own[0], text_en=own[1])
