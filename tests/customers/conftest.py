import pytest
from django.utils import timezone

from customers.imports.runs import import_shop


@pytest.fixture
def write(tmp_path):
    def _write(data, name="ExportOrderList1.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture
def load(db, write):
    """Import a file of the seller tool that has these bytes, and return the run."""

    def _load(data, **options):
        return import_shop("qianniu", write(data), by=None, now=timezone.now, progress=lambda *told: None, **options)

    return _load
