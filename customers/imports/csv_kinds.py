"""What a shop's own tables may hold: the kinds of rows, their fields, and the names that people give those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from . import qianniu_values
from .csv_values import (
    a_contact,
    a_count,
    a_level,
    a_moment,
    a_number,
    a_phone,
    a_status,
    a_text,
    an_amount,
    an_email,
)
from .values import Parser

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Field:
    """One of our fields. `english` and `chinese` are the names of its column, those in our templates first.

    `examples` stand in the templates, in both languages.
    """

    label: StrOrPromise
    parse: Parser
    english: tuple[str, ...]
    chinese: tuple[str, ...]
    examples: tuple[str, str]
    is_required: bool = False
    contact: str = ""  # the kind of contact value it is


@dataclass(frozen=True)
class Kind:
    """Rows of one kind. Of each tuple in `one_of` at least one field needs a column."""

    label: StrOrPromise
    hint: StrOrPromise
    fields: Mapping[str, Field]
    one_of: tuple[tuple[str, ...], ...] = ()

    @property
    def required(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.is_required]


def _same(example: str) -> tuple[str, str]:
    return example, example


BUYER = {
    "nick": Field(
        _("nick"),
        a_text(100),
        ("nick", "username", "user name", "login"),
        ("买家会员名", "会员名", "昵称", "买家昵称", "用户名"),
        ("little-red", "小红"),
    ),
    "external_id": Field(
        _("customer id of the source"),
        a_number(100),
        ("customer id", "external id", "member id", "buyer id", "user id"),
        ("客户编号", "会员编号", "会员ID", "客户ID", "买家ID"),
        _same("C-1001"),
    ),
    "name": Field(
        _("name"),
        a_contact,
        ("name", "full name", "customer name", "receiver", "recipient"),
        ("姓名", "客户姓名", "收货人", "收货人姓名", "联系人"),
        ("Hong Wang", "王小红"),
        contact="name",
    ),
    "phone": Field(
        _("phone"),
        a_phone,
        ("phone", "mobile", "telephone", "phone number", "tel"),
        ("手机", "电话", "手机号", "手机号码", "联系手机", "联系电话"),
        _same("13800138000"),
        contact="phone",
    ),
    "email": Field(
        _("e-mail"),
        an_email,
        ("e-mail", "email", "mail", "email address"),
        ("邮箱", "电子邮箱", "电子邮件"),
        _same("hong@example.com"),
        contact="email",
    ),
    "address": Field(
        _("address"),
        a_contact,
        ("address", "shipping address", "street"),
        ("地址", "收货地址", "详细地址", "联系地址"),
        ("1 Wensan Road", "文三路1号"),
        contact="address",
    ),
    "province": Field(
        _("province"), a_text(60), ("province", "state", "region"), ("省", "省份", "所在省"), ("Zhejiang", "浙江省")
    ),
    "city": Field(_("city"), a_text(80), ("city", "town"), ("市", "城市", "所在市"), ("Hangzhou", "杭州市")),
}

CUSTOMERS = Kind(
    _("customers"),
    _("One row is one customer. A nick, an id, a phone or an e-mail names him; who is known already is completed."),
    {
        **BUYER,
        "level": Field(_("level"), a_level, ("level", "member level"), ("会员等级", "等级", "会员级别"), _same("1")),
        "registered_at": Field(
            _("known since"),
            a_moment(),
            ("known since", "registered", "registered at", "created", "created at", "joined"),
            ("注册时间", "注册日期", "入会时间", "创建时间"),
            _same("2025-03-31"),
        ),
    },
    one_of=(("nick", "external_id", "phone", "email"),),
)

ORDERS = Kind(
    _("orders"),
    _("One row is one order, or one line of an order: rows with the same number are the lines of one order."),
    {
        "number": Field(
            _("order number"),
            a_number(64, required=True),
            ("order number", "order", "order no", "order id", "number"),
            ("订单编号", "订单号", "主订单编号"),
            _same("A-2026-0001"),
            is_required=True,
        ),
        "ordered_at": Field(
            _("ordered"),
            a_moment(required=True),
            ("ordered", "ordered at", "order date", "date", "created", "created at"),
            ("下单时间", "订单创建时间", "创建时间", "下单日期"),
            _same("2026-03-01 20:15:00"),
            is_required=True,
        ),
        "status": Field(
            _("status"),
            a_status,
            ("status", "order status", "state"),
            ("订单状态", "状态", "交易状态"),
            ("done", "交易成功"),
            is_required=True,
        ),
        **BUYER,
        "amount": Field(
            _("amount"),
            an_amount,
            ("amount", "total", "order total", "order amount"),
            ("订单金额", "金额", "总金额", "应付金额", "订单总额"),
            _same("129.00"),
        ),
        "postage": Field(_("postage"), an_amount, ("postage", "shipping", "freight"), ("运费", "邮费"), _same("0.00")),
        "paid_amount": Field(
            _("amount paid"),
            an_amount,
            ("amount paid", "paid", "paid amount"),
            ("实付金额", "买家实际支付金额", "买家实付金额", "实际支付金额"),
            _same("129.00"),
        ),
        "paid_at": Field(
            _("paid at"),
            a_moment(),
            ("paid at", "payment date"),
            ("付款时间", "订单付款时间", "支付时间"),
            _same("2026-03-01 20:16:00"),
        ),
        "sent_at": Field(_("sent at"), a_moment(), ("sent at", "shipped at"), ("发货时间",), _same("2026-03-02")),
        "done_at": Field(
            _("done at"),
            a_moment(),
            ("done at", "completed at", "delivered at"),
            ("完成时间", "确认收货时间", "交易成功时间"),
            _same("2026-03-06"),
        ),
        "buyer_message": Field(
            _("buyer's message"), a_text(20_000), ("buyer's message", "buyer message"), ("买家留言",), ("", "")
        ),
        "memo": Field(
            _("seller's memo"),
            a_text(20_000),
            ("memo", "seller's memo"),
            ("商家备忘", "订单备注", "商家备注"),
            ("", ""),
        ),
        "flag": Field(_("flag"), qianniu_values.flag, ("flag",), ("插旗", "旗帜"), ("", "")),
        "product": Field(
            _("product number"),
            a_number(100),
            ("product number", "product id", "sku", "item id"),
            ("商品编号", "商品ID", "宝贝ID", "货号"),
            _same("P-200"),
        ),
        "title": Field(
            pgettext_lazy("import", "product title"),
            a_text(200),
            ("product title", "product", "item", "title", "product name"),
            ("商品标题", "宝贝标题", "商品名称", "商品"),
            ("Linen shirt", "亚麻衬衫"),
        ),
        "quantity": Field(
            _("pieces"), a_count, ("pieces", "quantity", "qty"), ("数量", "购买数量", "件数"), _same("1")
        ),
        "price": Field(
            _("price of a piece"),
            an_amount,
            ("price of a piece", "price", "unit price"),
            ("单价", "商品价格", "价格"),
            _same("129.00"),
        ),
    },
    one_of=(("amount", "paid_amount", "price"),),
)

PRODUCTS = Kind(
    _("products"),
    _("One row is one product. One that is known gets the name, category and price told, unless it was edited here."),
    {
        "external_id": Field(
            _("product number"),
            a_number(100, required=True),
            ("product number", "product id", "sku", "item id", "id"),
            ("商品编号", "商品ID", "宝贝ID", "货号"),
            _same("P-200"),
            is_required=True,
        ),
        "name": Field(
            _("name"),
            a_text(200, required=True),
            ("name", "product name", "title", "product title", "product"),
            ("商品名称", "商品标题", "宝贝标题", "名称"),
            ("Linen shirt", "亚麻衬衫"),
            is_required=True,
        ),
        "category": Field(_("category"), a_text(100), ("category",), ("类目", "分类", "商品类目"), ("Shirts", "衬衫")),
        "price": Field(
            _("price"), an_amount, ("price", "unit price"), ("价格", "单价", "售价", "商品价格"), _same("129.00")
        ),
    },
)

KINDS: dict[str, Kind] = {"customers": CUSTOMERS, "orders": ORDERS, "products": PRODUCTS}
# Fields that make a row of an order one of its lines.
OF_LINES = ("product", "title", "quantity", "price")
