"""One installation for all crash tests of a session; they are slow and marked so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.running import Running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here; processes are looked up in Linux's /proc."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)
            item.add_marker(pytest.mark.slow)
            if not sys.platform.startswith("linux"):
                item.add_marker(pytest.mark.skip(reason="looks into Linux's processes"))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`manage.py up` with the demo's data; leases are short, so that what a crash left is found soon."""
    installation = Running(tmp_path_factory.mktemp("up"), environment={"SEND_LEASE": "1"})
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
