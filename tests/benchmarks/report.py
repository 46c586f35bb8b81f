"""The results as a table, on the terminal and in docs/performance.md."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- written by python -m tests.benchmarks --write -->", "<!-- end -->"
HEAD = ("benchmark", "database", "speed", "baseline", "share", "goal", "reached", "the baseline is")


def table(results):
    """Markdown that also reads well as it is."""
    rows = [HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(result):
    goal = []
    if result.least_share:
        goal.append(f"share ≥ {result.least_share:.2f}")
    if result.least_speed:
        goal.append(f"≥ {result.least_speed:,}/s")
    return (
        result.benchmark,
        result.database,
        f"{result.speed:,.0f} {result.unit}/s",
        f"{result.baseline:,.0f}/s",
        f"{result.share:.2f}",
        ", ".join(goal) or "none",
        ("yes" if result.is_reached else "NO") if goal else "",
        result.baseline_is,
    )


def write(results, *, customers, rounds):
    """Put the table, and what it was measured on, between the two marks of the page."""
    page = PAGE.read_text()
    said = f"{_machine()}; {customers:,} customers, medians of {rounds} rounds, {datetime.now(UTC):%Y-%m-%d}."
    block = f"{BEGIN}\n{said}\n\n{table(results)}\n{END}"
    PAGE.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _found: block, page, flags=re.DOTALL))


def _machine():
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()}, Python {platform.python_version()},"
        f" load average {load:.1f} at the end"
    )


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
