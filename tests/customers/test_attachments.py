"""Files in conversations: told by their content, kept under made-up names, handed out to whoever may see them."""

import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from customers.models import Attachment
from customers.services import inquiries
from customers.services.attachments import attachment_rules
from customers.services.files import checked
from customers.services.inquiries import InquiryClosed
from tests.factories import NOON, CustomerFactory, InquiryFactory

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.7 ..."


def office(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return content.getvalue()


def file(name, content=PNG):
    return SimpleUploadedFile(name, content)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("shoe.png", PNG, ("shoe.png", "image/png")),
        ("发票.PDF", PDF, ("发票.pdf", "application/pdf")),
        ("photo.jpeg", b"\xff\xd8\xff\xe0", ("photo.jpeg", "image/jpeg")),
        ("a.webp", b"RIFF\0\0\0\0WEBP", ("a.webp", "image/webp")),
        ("list.csv", "名称,1".encode(), ("list.csv", "text/plain")),
        ("invoice.php.png", PNG, ("invoice_php.png", "image/png")),
        ("C:\\Users\\me\\shoe.png", PNG, ("shoe.png", "image/png")),
        ("a\u202egnp.exe.png", PNG, ("agnp_exe.png", "image/png")),
        ("x" * 200 + ".png", PNG, ("x" * 96 + ".png", "image/png")),
        (
            "book.xlsx",
            office("[Content_Types].xml", "xl/workbook.xml"),
            ("book.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ),
    ],
)
def test_file_is_taken_by_what_it_is(name, content, expected):
    [taken] = checked([file(name, content)], attachment_rules())

    assert (taken.name, taken.media_type) == expected
    assert taken.content == content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("picture.svg", b"<svg onload='alert(1)'/>"),
        ("picture.png", b"<svg onload='alert(1)'/>"),
        ("picture.png", PDF),
        ("shoe.png.exe", PNG),
        ("run.exe", b"MZ\x90\0"),
        ("shoe", PNG),
        (".png", PNG),
        ("empty.png", b""),
        ("archive.zip", office("a.txt")),
        ("macro.xlsx", office("xl/workbook.xml", "xl/vbaProject.bin")),
        ("broken.xlsx", b"PK\x03\x04 no archive"),
        ("list.txt", b"\xff\xfe\0"),
    ],
)
def test_file_that_is_not_what_it_says_is_refused_by_name(name, content):
    with pytest.raises(ValidationError) as refusal:
        checked([file(name, content)], attachment_rules())

    [sentence] = refusal.value.message_dict["files"]
    assert "is not taken" in sentence


def test_too_large_and_too_many_files_are_refused(settings):
    settings.ATTACHMENT_BYTES = 1_000_000

    with pytest.raises(ValidationError, match="larger than 1 MB"):
        checked([file("big.png", PNG + b"\0" * 1_000_000)], attachment_rules())
    with pytest.raises(ValidationError, match="5 files"):
        checked([file("a.png") for _number in range(6)], attachment_rules())


@pytest.fixture
def inquiry(agent):
    return InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow"))


def on_disk():
    folder = Path(django_settings.STORAGES["default"]["OPTIONS"]["location"]) / "inquiries"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def send(inquiry, agent, **facts):
    files = checked([file("shoe.png")], attachment_rules())
    return inquiries.answer(inquiry, text="", by=agent.user, at=NOON, files=files, **facts)


def test_file_lies_under_a_made_up_name_and_leaves_none_where_nothing_is_sent(inquiry, agent):
    key = "4b1d1c53-2ad4-4f0e-9c3f-1f7a3a6a1d11"

    first, again = send(inquiry, agent, send_key=key), send(inquiry, agent, send_key=key)

    attachment = Attachment.objects.get()
    assert (again, attachment.message, attachment.name, attachment.size) == (first, first, "shoe.png", len(PNG))
    assert on_disk() == [Path(attachment.file.name).name]
    assert "shoe" not in attachment.file.name
    inquiries.close(inquiry, by=agent.user, at=NOON)
    with pytest.raises(InquiryClosed):
        send(inquiry, agent)
    assert len(on_disk()) == 1


def test_key_reads_new_messages_and_downloads_their_files(inquiry, agent, key_client):
    client = key_client("inquiries:read")
    said = inquiries.receive_further(inquiry, text="Is it this one?", at=NOON)
    send(inquiry, agent)

    new = client.get(f"/api/v1/inquiries/{inquiry.pk}/messages/?after={said.pk}").json()["results"]

    [message] = new
    [told] = message["attachments"]
    answer = client.get(told["url"])
    assert {name: told[name] for name in ("name", "media_type", "size")} == {
        "name": "shoe.png",
        "media_type": "image/png",
        "size": len(PNG),
    }
    assert (b"".join(answer.streaming_content), answer.headers["Content-Disposition"]) == (
        PNG,
        'attachment; filename="shoe.png"',
    )
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Content-Security-Policy"]) == (
        "nosniff",
        "default-src 'none'; sandbox",
    )
    foreign = key_client("inquiries:read", source="other")
    assert foreign.get(told["url"]).status_code == 404
    bad = client.get(f"/api/v1/inquiries/{inquiry.pk}/messages/?after=x")
    assert (bad.status_code, bad.json()["errors"][0]["parameter"]) == (400, "after")


def test_buyer_sends_files_by_the_storefronts_key(inquiry, key_client):
    client, path = key_client("inquiries:write"), f"/api/v1/inquiries/{inquiry.pk}/attachments/"

    sent = client.post(path, {"text": "This one", "files": [file("shoe.png")]}, format="multipart")
    bad = client.post(path, {"files": [file("shoe.png", b"MZ")]}, format="multipart")
    none = client.post(path, {"text": "x"}, format="multipart")
    json = client.post(path, {"text": "x"}, format="json")

    told = sent.json()
    assert (sent.status_code, told["author"], told["text"]) == (201, "buyer", "This one")
    assert [row["name"] for row in told["attachments"]] == ["shoe.png"]
    assert [answer.status_code for answer in (bad, none, json)] == [400, 400, 415]
    assert [answer.json()["errors"][0]["pointer"] for answer in (bad, none)] == ["/files", "/files"]
    assert (Attachment.objects.count(), len(on_disk())) == (1, 1)
    assert key_client("inquiries:read").post(path, {}, format="multipart").status_code == 403
    assert key_client("inquiries:write", source="other").post(path, {}, format="multipart").status_code == 404
