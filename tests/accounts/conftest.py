"""What tests of accounts need around them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fresh_windows(no_windows: None) -> None:
    """Begin every test with unused rate limits."""
