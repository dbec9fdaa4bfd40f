"""A short run of chaos with every test run; `make chaos` runs it for as long as one likes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import invariants
from tests.chaos.run import chaos
from tests.crash.running import Running

pytestmark = [
    pytest.mark.crash,
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into Linux's processes"),
]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Running]:
    own = Running(tmp_path / "chaos", environment={"SEND_LEASE": "1"})
    try:
        own.start()
        yield own
    finally:
        own.stop()


def test_whatever_fails_nothing_is_lost_or_doubled(installation: Running) -> None:
    report = chaos(installation, seed=2, seconds=20)

    print(report.text())  # noqa: T201  # the figures of the run
    assert report.violations == []
    assert report.sent > 0
    assert sum(report.happened.values()) > 2

    # What looks for violations finds them: a rung stepped down, a message less.
    key = installation.rows("SELECT id FROM conversations_message WHERE status = 'read' LIMIT 1")[0][0]
    installation.rows("UPDATE conversations_message SET status = 'sent' WHERE id = %s", [key])
    found = [*invariants.violations(installation, phones="55699", written=report.written + 1)]
    assert any("went back from read" in sentence for sentence in found)
    assert any("are stored" in sentence for sentence in found)
