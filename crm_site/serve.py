"""`make serve`: the real shop. `python -m crm_site.serve` makes the environment and then runs everything in it.

No management command, because Django's settings only stand when there are a data folder and keys.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import environ

from .processes import BASE_DIR, STOPPED, CannotStart, address, check_port_is_free, is_loopback, manage, run_together

KEYS = ("SECRET_KEY", "CONTACT_HASH_KEY")
KEYS_SAY = "# Made by `make serve`. Keep a copy: without CONTACT_HASH_KEY no phone and no address is found again."


def main() -> int:
    """Start the shop and run it until it is asked to stop; return the exit code."""
    environ.Env.read_env(BASE_DIR / ".env")
    os.umask(0o077)
    try:
        host, port = os.environ.get("HOST") or "127.0.0.1", _port()
        check_port_is_free(host, port, instead="PORT=8001 make serve")
        folder = data_folder()
        make_keys(folder / "shop.env")
    except CannotStart as refusal:
        _say(str(refusal), file=sys.stderr)
        return 1
    environment = {"DEBUG": "false", **os.environ, "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
    prepare = [*manage(), "prepare_shop"]
    prepared = subprocess.run(prepare, env=environment, check=False)  # noqa: S603  (our own words)
    if prepared.returncode:
        return prepared.returncode
    environment.pop("FIRST_MANAGER_PASSWORD", None)
    code = run_together(
        host, port, environment=environment, name=_own_name(), when_ready=lambda: _say(welcome(host, port, folder))
    )
    if code in STOPPED:
        _say("The shop has stopped. `make serve` opens it again.")
        return 0
    _say("One of the shop's processes ended by itself, so all were stopped; see above.", file=sys.stderr)
    return 1


def _port() -> int:
    told = os.environ.get("PORT") or "8000"
    if not (told.isascii() and told.isdigit()):
        raise CannotStart(f"PORT={told} is no port number.")
    return int(told)


def data_folder() -> Path:
    """The folder that holds all that is the shop's own, made where it is missing. Raises CannotStart."""
    told = os.environ.get("DATA_DIR")
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = (Path(told).expanduser() if told else home / "shop-crm").resolve()
    if folder.is_relative_to(BASE_DIR):
        raise CannotStart(f"DATA_DIR={folder} lies in the code, where an upgrade may lose it. Name a folder outside.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"DATA_DIR={folder} cannot be made: {error.strerror}.") from error
    if folder.stat().st_mode & 0o007:
        raise CannotStart(f"DATA_DIR={folder} is open to everybody on this machine. Close it: chmod 700 {folder}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise CannotStart(f"DATA_DIR={folder} is not writable for the user who starts the shop.")
    return folder


def make_keys(file: Path) -> None:
    """Write the file that settings read, with new keys, at the first start. Raises CannotStart where others read it.

    It appears whole or not at all, so that a crash leaves no shop with half its keys.
    """
    if file.exists():
        if file.stat().st_mode & 0o077:
            raise CannotStart(f"{file} holds the shop's keys, and others may read it. Close it: chmod 600 {file}")
        return
    keys = "".join(f"{name}={secrets.token_urlsafe(50)}\n" for name in KEYS)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(f"{KEYS_SAY}\nDEBUG=false\n{keys}")
    draft.rename(file)


def _own_name() -> str:
    """A name by which the shop lets itself be called."""
    return (os.environ.get("ALLOWED_HOSTS") or "127.0.0.1").split(",")[0].strip().lstrip(".*") or "localhost"


def welcome(host: str, port: int, folder: Path) -> str:
    here = address(host, port)
    open_at = f"https://{_own_name()}/ (through your proxy, which finds it at {here})"
    if not environ.Env().bool("HTTPS", default=False):
        open_at = f"http://{here}/"
        if not is_loopback(host):
            open_at += "\nPasswords cross the network readable by others. Put a proxy with TLS before it: HTTPS=1"
    return f"""
The shop is open: {open_at}
Its data lies in {folder}. Commands for this shop: DATA_DIR={folder} .venv/bin/python manage.py …
Ctrl-C stops it.
"""


def _say(text: str, file: object = None) -> None:
    print(text, file=file, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # while it was preparing
        sys.exit(130)
