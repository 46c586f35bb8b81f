"""`make serve` without its virtual environment: the real shop, in a data folder and on a port of its own."""

import os
import pty
import re
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from tests.conftest import PROJECT

PASSWORD = "a-Rare-pass-8841"
MANAGER = {"FIRST_MANAGER": "boss", "FIRST_MANAGER_PASSWORD": PASSWORD}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "shop"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def shop(folder, port):
    """The environment of a shop in that folder, whatever the environment of the tests says."""
    return {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}",
        "TASKS_BACKEND": "database",
        "PORT": str(port),
    }


@pytest.fixture
def serve(start, shop):
    return lambda **environment: start("-m", "crm_site.serve", program=(), env={**shop, **environment})


@pytest.fixture
def refused(serve):
    """Start a shop that refuses to; return exit code and what it said."""

    def _refused(**environment):
        with serve(**environment) as process:
            said, _ = process.communicate(timeout=60)
            return process.returncode, said.splitlines()

    return _refused


class Browser:
    """Keeps cookies, follows nothing."""

    def __init__(self, port):
        self.port, self.cookies = port, {}

    def ask(self, method, path, form=None):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, form and urlencode(form), headers)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie") or []:
                name, value = re.match("([^=]+)=([^;]*)", cookie).groups()
                self.cookies[name] = value
            return response.status, response.read().decode()

    def sign_in(self, login, password):
        _status, page = self.ask("GET", "/admin/login/")
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        form = {"username": login, "password": password, "csrfmiddlewaretoken": token}
        return self.ask("POST", "/admin/login/", form)[0]


def test_shop_opens_empty_and_keeps_its_data_and_keys_over_a_restart(serve, stop, read_until, folder, port):
    browser = Browser(port)
    with serve(**MANAGER) as process:
        first = read_until(process, "The shop is open")
        keys = (folder / "shop.env").read_text()
        wrong, right = browser.sign_in("boss", "something else"), browser.sign_in("boss", PASSWORD)
        ready = browser.ask("GET", "/readyz")[0]
        first_end = stop(process)

    with serve() as process:
        second = read_until(process, "The shop is open")
        # the same session, which the same key has signed; only who manages the staff sees the page
        staff = browser.ask("GET", "/admin/customers/user/")
        second_end = stop(process)

    assert (wrong, right, ready) == (200, 302, 200)
    assert staff[0] == 200
    assert "boss" in staff[1]
    assert "boss is the first manager" in first
    assert "Applied the database migrations" in first
    assert ("first manager" in second, "Applied" in second, PASSWORD in first) == (False, False, False)
    assert [first_end[0], second_end[0]] == [0, 0]
    assert "The shop has stopped" in second_end[1]
    assert (folder / "shop.env").read_text() == keys
    kept = {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()}
    # SQLite leaves its -shm and -wal where a process ended without closing its connections
    assert set(kept) - {"shop.sqlite3-shm", "shop.sqlite3-wal"} == {"shop.env", "shop.sqlite3", "static"}
    assert set(kept.values()) == {0}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"DEBUG": "true", "ALLOWED_HOSTS": "crm.example.com"}, "DEBUG is on while crm.example.com may be reached"),
        ({"DEBUG": "true", "HOST": "0.0.0.0"}, "DEBUG is on while 0.0.0.0 may be reached"),
        ({"HOST": "0.0.0.0"}, "ALLOWED_HOSTS=crm.example.com"),
        ({"SECRET_KEY": "development-only-secret"}, "SECRET_KEY is"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY is an example or too short"),
        ({"CONTACT_HASH_KEY": "development-only-secret"}, "CONTACT_HASH_KEY is an example"),
        ({"DATA_DIR": str(PROJECT / "var" / "shop")}, "lies in the code"),
        ({"DATA_DIR": "/proc/shop"}, "cannot be made"),
        ({"PORT": "eighty"}, "PORT=eighty is no port number"),
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/shop"}, "The database cannot be used"),
    ],
)
def test_unsafe_start_is_refused_in_one_sentence(refused, environment, sentence):
    code, said = refused(**MANAGER, **environment)

    assert (code, len(said)) == (1, 1), said
    assert sentence in said[0]


def test_folder_that_everybody_may_read_is_refused(refused, folder):
    folder.chmod(0o755)

    code, said = refused(**MANAGER)

    assert (code, len(said)) == (1, 1)
    assert f"chmod 700 {folder}" in said[0]
    assert not list(folder.iterdir())


def test_keys_that_others_may_read_are_refused(refused, folder):
    (folder / "shop.env").touch(mode=0o644)

    code, said = refused(**MANAGER)

    assert (code, len(said)) == (1, 1)
    assert "chmod 600" in said[0]


def test_taken_port_is_refused_before_anything_is_made(refused, folder, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        code, said = refused(**MANAGER)

    assert (code, len(said)) == (1, 1)
    assert f"Port {port} of 127.0.0.1 cannot be used" in said[0]
    assert not list(folder.iterdir())


def test_demo_shop_is_not_served_as_a_real_one(refused, manage, shop):
    environment = {**shop, "DEBUG": "true"}
    assert manage("migrate", env=environment).returncode == 0
    assert manage("seed_demo", "--customers", "10", env=environment).returncode == 0

    code, said = refused(**MANAGER)

    assert (code, len(said)) == (1, 1)
    assert "holds the demo shop" in said[0]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "FIRST_MANAGER_PASSWORD in the environment"),
        ({"FIRST_MANAGER": "boss", "FIRST_MANAGER_PASSWORD": "boss"}, "The first manager was not made"),
    ],
)
def test_nobody_to_manage_the_shop_keeps_it_closed(refused, environment, sentence):
    code, said = refused(**environment)

    assert code == 1
    assert sentence in said[-1]


def test_first_manager_is_asked_for_on_a_terminal_until_both_passwords_agree(shop, serve):
    keys = {"SECRET_KEY": "0123456789abcdef" * 4, "CONTACT_HASH_KEY": "fedcba9876543210" * 4, "DEBUG": "false"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "prepare_shop"],
        cwd=PROJECT,
        env={**os.environ, **shop, **keys},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    talk = [
        ("Login: ", "boss"),
        ("Password: ", PASSWORD),
        ("again: ", "a-typo"),
        ("Login: ", "boss"),
        ("Password: ", PASSWORD),
        ("again: ", PASSWORD),
        ("boss is the first manager", ""),
    ]

    heard = ""
    for prompt, answer in talk:
        said = ""
        while prompt not in said:
            said += os.read(ours, 1024).decode()
        heard += said
        os.write(ours, f"{answer}\n".encode())

    assert process.wait(timeout=30) == 0
    os.close(ours)
    assert "These are two different passwords" in heard
    assert PASSWORD not in heard


def test_upgrade_copies_the_database_first_and_tells_what_it_did(manage, shop, folder):
    environment = {**shop, **MANAGER, "SECRET_KEY": "0123456789abcdef" * 4, "DEBUG": "false"}
    manage("prepare_shop", env=environment)
    manage("migrate", "crm_site", "zero", env=environment)

    upgraded = manage("prepare_shop", env=environment)
    again = manage("prepare_shop", env=environment)

    (copy,) = (folder / "backups").iterdir()
    assert upgraded.stdout.splitlines() == [
        f"Copied the database to {copy}.",
        "Applied the database migrations: crm_site.0001_initial.",
    ]
    assert again.stdout == ""
    assert copy.stat().st_size > 100_000
