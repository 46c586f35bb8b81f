"""A Taobao shop, as the seller tool (千牛) exports it: one file of orders, or of order lines, CSV or workbook.

Which of the two it is, its columns tell, by name. Decisions that the files leave open:
- A buyer is his nick (买家会员名), else his Alipay account; starred out, they name nobody. The receiver names nobody.
- What is to be paid is 总金额; without that column 买家应付货款, which lacks the postage, and 买家应付邮费; without
  those, for a new order only, what was paid.
- Exports come again with newer facts, so known orders are updated; but a row that shows an order at an earlier stage
  than is recorded is older, and changes nothing. A memo or flag that was edited here stays.
- The files do not say when an order was closed: of a new order that stays empty, of a known one it is the import.
- A refund of a finished or closed order was paid back, another is asked for; nobody says when, so it stands under the
  day of the order.
- An order file joins the titles of an order and sums its pieces: these become its lines until a line file tells them.
- A product is its 商品ID, in files without that its title.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from customers.identity import Identity
from customers.models import Order, OrderLine, Refund, Source

from .base import ImportedFile, PreviewedFormat
from .buyers import ToldBuyer
from .forecasts import Forecast
from .loading import Loading
from .qianniu_values import (
    clean_count,
    clean_money,
    clean_text,
    contacts_of,
    flag,
    needed_time,
    order_number,
    refund_money,
    refund_status,
    region,
    shop_time,
    status,
    titles,
)
from .rejects import Rejects
from .renewal import ExportedLine, ExportedOrder, Renewal
from .staging import Progress, StagedFile, Staging
from .values import amount_of, moment_of
from .workbooks import open_table

BUYER = "买家会员名"
ALIPAY = "买家支付宝账号"
NUMBER = "订单编号"
PAID = "买家实际支付金额"
SPELLINGS = {
    BUYER: ("买家会员昵称", "买家昵称"),
    PAID: ("买家实付金额",),
    "宝贝标题": ("商品标题",),
    "商家备忘": ("商家备注",),
    "插旗": ("旗帜", "备注旗帜"),
    "主订单编号": (NUMBER,),
    "标题": ("商品标题", "宝贝标题"),
    "价格": ("商品价格",),
    "商品ID": ("宝贝ID",),
}
# what only a file of order lines has
OF_LINES = ("购买数量", "子订单编号")

ORDERS = {
    NUMBER: order_number,
    "订单状态": status,
    "订单创建时间": needed_time,
    BUYER: clean_text(100),
    ALIPAY: clean_text(400),
    "总金额": clean_money,
    "买家应付货款": clean_money,
    "买家应付邮费": clean_money,
    PAID: clean_money,
    "订单付款时间": shop_time,
    "发货时间": shop_time,
    "确认收货时间": shop_time,
    "订单关闭原因": clean_text(200),
    "买家留言": clean_text(20_000),
    "订单备注": clean_text(20_000),
    "商家备忘": clean_text(20_000),
    "插旗": flag,
    "退款金额": refund_money,
    "收货人姓名": clean_text(400),
    "收货地址": clean_text(400),
    "联系电话": clean_text(400),
    "联系手机": clean_text(400),
    "宝贝标题": clean_text(20_000),
    "宝贝种类": clean_count,
    "宝贝总数量": clean_count,
}
LINES = {
    "主订单编号": order_number,
    "标题": clean_text(200),
    "购买数量": clean_count,
    "子订单编号": order_number,
    "价格": clean_money,
    "商品ID": clean_text(100),
    "订单状态": status,
    "订单创建时间": shop_time,
    "订单付款时间": shop_time,
    "买家应付货款": clean_money,
    PAID: clean_money,
    "退款金额": refund_money,
    "退款状态": refund_status,
    "备注": clean_text(20_000),
    "商家备忘": clean_text(20_000),
}
NEEDED_OF_ORDERS = (NUMBER, "订单状态", "订单创建时间")
NEEDED_OF_LINES = ("主订单编号", "标题", "购买数量")

Row = dict[str, Any]


def is_export(header: Sequence[str]) -> bool:
    """Whether a table with these columns is an export of the seller tool: orders with its status, or their lines."""
    of_orders, of_lines = _staged_file(header, has_lines=False), _staged_file(header, has_lines=True)
    has_orders = all(of_orders.position(column, header) is not None for column in NEEDED_OF_ORDERS)
    has_lines = all(of_lines.position(column, header) is not None for column in NEEDED_OF_LINES)
    return has_orders or (has_lines and any(column in header for column in OF_LINES))


class QianniuFormat(PreviewedFormat):
    source_code = "taobao"
    source_name = "Taobao"

    def __init__(self, file: ImportedFile, *, rejects: Rejects, progress: Progress) -> None:
        table = open_table(file.path, name=file.name)
        header = table.header()
        self._file = table.name
        self._rejects = rejects
        self._has_lines = any(column in header for column in OF_LINES)
        self._staged = _staged_file(header, has_lines=self._has_lines)
        self.notes = []
        if not self._has_lines and all(self._staged.position(name, header) is None for name in (BUYER, ALIPAY)):
            self.notes.append(
                _(
                    "%(file)s has no column %(column)s, so nobody knows who bought: orders that are known already were "
                    "updated, others are kept without a customer until a file or call names him."
                )
                % {"file": table.name, "column": BUYER}
            )
        self._staging = Staging([(self._staged, table)], rejects=rejects, progress=progress)

    def close(self) -> None:
        self._staging.close()

    def read(self) -> None:
        self._staging.read()

    def write(self, loading: Loading) -> None:
        renewal = Renewal(loading)
        for exported in self._exported(loading.source, max(1, settings.WRITE_BATCH // 4)):
            renewal.orders(exported, at=loading.run.started_at)
        self.notes += renewal.notes()

    def foretell(self, forecast: Forecast) -> None:
        for exported in self._exported(forecast.source, 1_000):
            forecast.orders(exported)

    def _exported(self, source: Source, size: int) -> Iterator[list[ExportedOrder]]:
        for rows in self._staging.batches(self._query(), size, label=_("orders")):
            if self._has_lines:
                yield self._with_known_moment([_order_of_lines(json.loads(lines)) for (lines,) in rows], source)
            else:
                yield [_order(dict(zip(ORDERS, row, strict=True)), source.pk) for row in rows]

    def _query(self) -> str:
        if not self._has_lines:
            return f"SELECT {', '.join(ORDERS)} FROM orders ORDER BY 订单创建时间, 订单编号"  # noqa: S608
        pairs = ", ".join(f"'{column}', {column}" for column in (*LINES, "line"))
        return f"SELECT json_group_array(json_object({pairs})) FROM lines GROUP BY 主订单编号 ORDER BY min(line)"  # noqa: S608

    def _with_known_moment(self, exported: Sequence[tuple[int, ExportedOrder]], source: Source) -> list[ExportedOrder]:
        """Without those orders that are new and of which the file does not say when they were ordered: they are bad."""
        doubtful = [one.order.number for _line, one in exported if one.order.ordered_at is None]
        known = set(
            Order.objects.filter(source=source, number__in=doubtful).values_list("number", flat=True)
            if doubtful
            else ()
        )
        good = []
        for line, one in exported:
            if one.order.ordered_at or one.order.number in known:
                good.append(one)
            else:
                self._rejects.add(self._file, line, NUMBER, _("names an unknown order; import the order file first"))
        return good


def _staged_file(header: Sequence[str], *, has_lines: bool) -> StagedFile:
    if has_lines:
        table, columns, needed = "lines", LINES, NEEDED_OF_LINES
        key = "子订单编号" if "子订单编号" in header else "line"
    else:
        table, columns, needed, key = "orders", ORDERS, NEEDED_OF_ORDERS, NUMBER
    optional = [column for column in columns if column not in needed]
    return StagedFile(table, "", columns, key=(key,), optional=optional, spellings=SPELLINGS)


def _order(row: Row, source: int) -> ExportedOrder:
    told = _facts(row)
    goods, total = row["买家应付货款"], row["总金额"]
    if total is None and goods is not None:
        total = goods + (row["买家应付邮费"] or 0)
    if total is not None:
        told["amount"] = amount_of(total)
    ordered_at = moment_of(row["订单创建时间"])
    order = Order(**{"amount": told.get("paid_amount", 0), **told}, number=row[NUMBER], ordered_at=ordered_at)
    return ExportedOrder(
        order, told, buyer=_buyer(row, source), lines=_guessed_lines(row), refund=_refund(order, row["退款金额"])
    )


def _facts(row: Row) -> dict[str, Any]:
    """What the row tells by field; what it leaves empty, it does not tell."""
    cents = {"postage": row["买家应付邮费"], "paid_amount": row[PAID]}
    moments = {"paid_at": row["订单付款时间"], "sent_at": row["发货时间"], "done_at": row["确认收货时间"]}
    facts = {
        "buyer_message": row["买家留言"],
        "memo": _joined([row["商家备忘"], row["订单备注"]]),
        "close_reason": row["订单关闭原因"] if row["订单状态"] == Order.Status.CLOSED else "",
    }
    told: dict[str, Any] = {"status": row["订单状态"]}
    told |= {name: amount_of(value) for name, value in cents.items() if value is not None}
    told |= {name: moment_of(value) for name, value in moments.items() if value is not None}
    told |= {name: value for name, value in facts.items() if value}
    return told if row["插旗"] is None else {**told, "flag": row["插旗"]}


def _joined(texts: Sequence[str | None]) -> str:
    return "\n".join(dict.fromkeys(text for text in texts if text))


def _buyer(row: Row, source: int) -> ToldBuyer:
    alipay = row[ALIPAY] or ""
    named = {"email": alipay} if "@" in alipay else {"phone": alipay}
    province, city = region(row["收货地址"] or "")
    return ToldBuyer(
        Identity(source, nick=row[BUYER] or "", **named),
        since=moment_of(row["订单创建时间"]),
        province=province,
        city=city,
        contacts=contacts_of(row),
    )


def _guessed_lines(row: Row) -> list[ExportedLine]:
    """The lines that the joined titles and the sum of the pieces allow to tell."""
    joined, kinds, pieces, goods = row["宝贝标题"] or "", row["宝贝种类"], row["宝贝总数量"], row["买家应付货款"]
    if not joined and pieces is None:
        return []
    apart = titles(joined, kinds) if kinds in {1, pieces} else [joined]
    if len(apart) > 1:
        return [
            ExportedLine(OrderLine(line_number=place, title=title[:200])) for place, title in enumerate(apart, start=1)
        ]
    pieces = 1 if pieces is None else pieces
    is_one_kind = kinds == 1 or (kinds is None and "，" not in joined)
    price = round(amount_of(goods) / pieces, 2) if is_one_kind and pieces and goods else 0
    line = OrderLine(line_number=1, title=joined[:200], quantity=pieces, price=price)
    return [ExportedLine(line, names_product=bool(joined) and is_one_kind)]


def _refund(order: Order, cents: int | None) -> Refund | None:
    if cents is None:
        return None
    is_over = order.status in {Order.Status.DONE, Order.Status.CLOSED}
    told = Refund.Status.PAID if is_over else Refund.Status.ASKED
    return Refund(amount=amount_of(cents), status=told, asked_at=order.ordered_at)


def _order_of_lines(rows: list[Row]) -> tuple[int, ExportedOrder]:
    """The order that these lines make, and where the first of them stands in the file."""
    rows.sort(key=lambda row: (row["子订单编号"] or "", row["line"]))
    first = rows[0]
    states = {Order.Status(row["订单状态"]) for row in rows if row["订单状态"]}
    told: dict[str, Any] = {}
    if states:
        # lines that were closed alone do not close the order
        told["status"] = min(states - {Order.Status.CLOSED} or states, key=list(Order.Status).index).value
    if memo := _joined([text for row in rows for text in (row["商家备忘"], row["备注"])]):
        told["memo"] = memo
    if paid_at := first["订单付款时间"]:
        told["paid_at"] = moment_of(paid_at)
    sums = {
        "amount": amount_of(sum(row["买家应付货款"] or 0 for row in rows)),
        "paid_amount": amount_of(sum(row[PAID] or 0 for row in rows)),
    }
    order = Order(**sums, **told, number=first["主订单编号"])
    order.ordered_at = moment_of(first["订单创建时间"]) if first["订单创建时间"] else None  # type: ignore[assignment]
    lines = [_line(place, row) for place, row in enumerate(rows, start=1)]
    buyer = ToldBuyer(Identity(source_id=0), since=order.ordered_at)
    exported = ExportedOrder(
        order, told, buyer=buyer, lines=lines, has_exact_lines=True, refund=_refund_of_lines(order, rows)
    )
    return min(row["line"] for row in rows), exported


def _line(place: int, row: Row) -> ExportedLine:
    quantity, price = row["购买数量"], amount_of(row["价格"] or 0)
    line = OrderLine(line_number=place, title=row["标题"], quantity=1 if quantity is None else quantity, price=price)
    number = row["商品ID"] or ""
    return ExportedLine(line, product=number, names_product=bool(number or line.title))


def _refund_of_lines(order: Order, rows: Sequence[Row]) -> Refund | None:
    """What is refunded of all lines; it was paid back when that of every line was."""
    if all(row["退款金额"] is None for row in rows):
        return None
    refunded = [row for row in rows if row["退款金额"]]
    states = {row["退款状态"] for row in refunded}
    told = next((state for state in ("asked", "paid", "refused") if state in states), None)
    cents = sum(row["退款金额"] for row in refunded)
    if told is None:
        return _refund(order, cents)
    return Refund(amount=amount_of(cents), status=told, asked_at=order.ordered_at)
