from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

APPS = ("crm_site", "customers", "blocklist", "messaging")
LOCALE = "zh_Hans"
CATALOGUE = Path("locale") / LOCALE / "LC_MESSAGES"
TOOLS = ("xgettext", "msgmerge", "msgattrib", "msgfmt", "msgunfmt")


class Command(BaseCommand):
    help = "Prove that every string has its Chinese translation, and that each .mo file says what its .po file says."

    def handle(self, *args: Any, **options: Any) -> None:
        if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
            raise CommandError(f"GNU gettext is missing ({', '.join(missing)}). Install it: apt install gettext")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            collect_strings_in(copy)
            complaints = [complaint for app in APPS for complaint in complaints_about(app, copy)]
        if complaints:
            listed = "\n".join(f"  {complaint}" for complaint in complaints)
            raise CommandError(
                f"The translations are not complete:\n{listed}\nRun `make translations`, then translate."
            )
        self.stdout.write("Every string has its Chinese translation.")


def collect_strings_in(copy: Path) -> None:
    """Run makemessages in a copy of the sources, so that the check leaves the sources alone."""
    for name in APPS:
        shutil.copytree(settings.BASE_DIR / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
        (copy / name / "locale").mkdir(exist_ok=True)
    shutil.copytree(settings.BASE_DIR / "templates", copy / "templates")
    shutil.copy(settings.BASE_DIR / "manage.py", copy)
    made = subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", LOCALE, "--no-location"],
        cwd=copy,
        env={**os.environ, "DATA_DIR": str(copy / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise CommandError(f"makemessages failed:\n{made.stderr}")


def complaints_about(app: str, copy: Path) -> list[str]:
    """What is wrong with the catalogue of one app, a line for each string."""
    merged, committed = copy / app / CATALOGUE / "django.po", settings.BASE_DIR / app / CATALOGUE / "django.po"
    if not merged.exists():
        return []
    problems = [f"{app}: not translated: {name}" for name in message_ids(merged, "--untranslated")]
    problems += [f"{app}: only guessed (fuzzy): {name}" for name in message_ids(merged, "--only-fuzzy")]
    if not problems and compiled_text(committed.with_suffix(".mo")) != compiled_text(
        compile_catalogue(committed, copy)
    ):
        problems.append(f"{app}: django.mo is not what django.po says")
    return problems


def message_ids(catalogue: Path, which: str) -> list[str]:
    """The strings of a catalogue that msgattrib selects; a long one comes in several quoted lines."""
    selected = run_tool("msgattrib", which, "--no-obsolete", "--no-wrap", str(catalogue))
    quoted = re.findall(r'^msgid ((?:".*"\n)+)', selected, re.MULTILINE)
    return [name for lines in quoted if (name := "".join(line[1:-1] for line in lines.splitlines()))]


def compile_catalogue(catalogue: Path, copy: Path) -> Path:
    compiled = copy / "compiled.mo"
    run_tool("msgfmt", "--check-format", "-o", str(compiled), str(catalogue))
    return compiled


def compiled_text(compiled: Path) -> str:
    """The strings of a compiled catalogue: versions of msgfmt differ in the bytes, not in the strings."""
    return run_tool("msgunfmt", "--sort-output", str(compiled)) if compiled.exists() else ""


def run_tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout
