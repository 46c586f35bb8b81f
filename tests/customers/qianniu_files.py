"""Made-up files of the seller tool, with the header of any variant (taobao_headers.json, as shared with us)."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from openpyxl import Workbook

from customers.models import Account, ContactValue, Customer, Order, OrderLine, Product, Refund

HEADERS = {
    variant["key"]: variant["columns"]
    for variant in json.loads((Path(__file__).parent / "taobao_headers.json").read_text(encoding="utf-8"))
}
ORDERS = [key for key in HEADERS if key.startswith("order_")]
WITH_BUYER = [key for key in ORDERS if "2026" not in key]
WITHOUT_BUYER = [key for key in ORDERS if key not in WITH_BUYER]
DETAILS = [key for key in HEADERS if key.startswith("detail_")]

# what newer variants call a column
RENAMED = {
    "买家实付金额": "买家实际支付金额",
    "商品标题": "宝贝标题",
    "商家备忘": "订单备注",
    "商家备注": "备注",
    "商品价格": "价格",
}

FIRST, SECOND = "1234567890123456", "1234567890123456789"
SOLD = {
    "订单编号": FIRST,
    "买家会员名": "小红",
    "买家支付宝账号": "hong@example.com",
    "买家应付货款": "112.30元",
    "买家应付邮费": "10.00",
    "总金额": "¥122.30",
    "买家实际支付金额": "122.30元",
    "订单状态": "交易成功",
    "买家留言": "'快点发货",
    "收货人姓名": "王小红",
    "收货地址": "浙江省 杭州市 西湖区 文三路1号(310000)",
    "联系电话": "'",
    "联系手机": "'13800138000",
    "订单创建时间": "2017-05-30 23:18:05",
    "订单付款时间": "2017/5/30 23:19",
    "发货时间": "2017-05-31 08:00:00",
    "确认收货时间": "2017-06-02 09:00:00",
    "宝贝标题": "连衣裙，短袖",
    "宝贝种类": "2",
    "宝贝总数量": "2",
    "订单备注": "'送礼",
    "退款金额": "无退款申请",
    "订单关闭原因": "订单未关闭",
    "物流单号": "No:123",
    "店铺名称": "示例店",
}
CLOSED = {
    "订单编号": SECOND,
    "买家会员名": "阿明",
    "买家应付货款": "1,020.00",
    "买家应付邮费": "0元",
    "总金额": "1,020.00",
    "买家实际支付金额": "0.00",
    "订单状态": "交易关闭",
    "订单关闭原因": "买家未付款",
    "收货地址": "广东省 东莞市 南城街道 ***",
    "订单创建时间": "2018-01-31 00:30:00",
    "订单付款时间": "null",
    "宝贝标题": "外套",
    "宝贝种类": "1",
    "宝贝总数量": "3",
    "退款金额": "0.00元",
    "订单备注": "NULL",
}


LINE = {
    "子订单编号": "2234567890123456",
    "主订单编号": FIRST,
    "标题": "连衣裙",
    "价格": "60.00",
    "购买数量": "1",
    "商品属性": "颜色:红;尺码:M",
    "备注": "'送礼",
    "订单状态": "交易成功",
    "商家编码": "A-1",
    "买家应付货款": "60.00元",
    "买家实际支付金额": "60.00",
    "退款状态": "没有申请退款",
    "退款金额": "无退款申请",
    "订单创建时间": "2017-05-30 23:18:05",
    "订单付款时间": "2017-05-30 23:19:00",
    "商品ID": "600001",
}
OTHER_LINE = {
    **LINE,
    "子订单编号": "2234567890123457",
    "标题": "短袖",
    "价格": "26.15",
    "购买数量": "2",
    "买家应付货款": "52.30",
    "买家实际支付金额": "52.30",
    "退款状态": "退款成功",
    "退款金额": "26.15元",
    "商品ID": "600002",
}


SENT = {**SOLD, "订单状态": "卖家已发货，等待买家确认", "确认收货时间": ""}

ROWS = (Customer, Account, ContactValue, Product, Order, OrderLine, Refund)
NO_BUYER = (
    "ExportOrderList1.csv has no column 买家会员名, so nobody knows who bought: orders that are known already were "
    "updated, others are kept without a customer until a file or call names him."
)


def columns_of(variant):
    """The column names of a variant, as its files spell them; or a list of them."""
    return HEADERS[variant] if isinstance(variant, str) else variant


def cells_of(variant, row):
    """The row's cells in the order of the header. `row` names them without blanks, newer names by their old ones."""
    names = [name.strip() for name in columns_of(variant)]
    names = ["主订单编号" if name == "订单编号" and "购买数量" in names else name for name in names]
    old = {**RENAMED, "商品标题": "标题"} if "购买数量" in names else RENAMED
    return [row.get(name, row.get(old.get(name, name), "")) for name in names]


def csv_bytes(variant, rows, encoding="gb18030"):
    """As the seller tool writes it: order numbers as `="…"`, all other cells in quotes."""
    lines = [",".join(columns_of(variant))]
    for row in rows:
        named = zip(columns_of(variant), cells_of(variant, row), strict=True)
        lines.append(",".join(f'{"=" if name.endswith("订单编号") else ""}"{cell}"' for name, cell in named))
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
TEXTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def xlsx_bytes(variant, rows):
    """A workbook of one sheet, texts in a part of their own as Excel has it; cells may be numbers, dates, formulas."""
    texts = []

    def share(cell):
        texts.append(cell[2])
        return b'%s t="s"><v>%d</v></c>' % (cell[1], len(texts) - 1)

    inline = rb'(<c r="\w+"(?: s="\d+")?) t="inlineStr"><is>(.*?)</is></c>'
    workbook = edited_part(inline_xlsx_bytes(variant, rows), SHEET, lambda xml: re.sub(inline, share, xml))
    listed = f'<Override PartName="/{TEXTS}" ContentType="{TEXTS_TYPE}"/></Types>'.encode()
    workbook = edited_part(workbook, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", listed))
    content = b"".join(b"<si>%s</si>" % text for text in texts)
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return edited_part(workbook, TEXTS, lambda _nothing: b'<sst xmlns="%s">%s</sst>' % (space, content))


def inline_xlsx_bytes(variant, rows):
    book = Workbook()
    book.active.append(columns_of(variant))
    for row in rows:
        book.active.append(cells_of(variant, row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def edited_part(workbook, name, edit):
    """The workbook with one part of it edited, or added."""
    packed, file = zipfile.ZipFile(io.BytesIO(workbook)), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for part in packed.namelist():
            if part != name:
                copy.writestr(part, packed.read(part))
        copy.writestr(name, edit(packed.read(name) if name in packed.namelist() else b""))
    return file.getvalue()


def orders(*rows, variant="order_2022"):
    return csv_bytes(variant, rows)


def everything():
    return [list(model.objects.order_by("pk").values()) for model in ROWS]


def rejected(run, settings):
    text = (settings.DATA_DIR / run.rejects_path).read_text(encoding="utf-8-sig") if run.rejects_path else ""
    return [tuple(line.split(",", 3)[1:]) for line in text.splitlines()[1:]]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def facts(order, *names):
    return Order.objects.values_list(*names).get(pk=order.pk)
