"""The risk of a number: a table of figures and what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.health import words
from conversations.health.risk import Facts, judge

TABLE: list[tuple[dict[str, Any], str, list[str]]] = [
    ({}, "low", []),
    ({"quality": "GREEN", "sent": 10_000, "people": 5_000}, "low", []),
    ({"quality": "YELLOW"}, "medium", ["quality"]),
    ({"quality": "RED"}, "high", ["quality"]),
    ({"quality": "FLAGGED"}, "high", ["quality"]),
    ({"is_banned": True, "is_blocked": True}, "high", ["banned"]),
    ({"is_blocked": True}, "medium", ["blocked"]),
    ({"restrictions": ["RESTRICTED_BIZ_INITIATED_MESSAGING"]}, "high", ["restricted"]),
    ({"restrictions": ["RESTRICTED_ADD_PHONE_NUMBER_ACTION"]}, "medium", ["restricted"]),
    ({"connection": "error"}, "medium", ["connection"]),
    ({"spam_errors": 1}, "high", ["spam"]),
    # Shares count only when there is enough to count.
    ({"sent": 49, "undeliverable": 49}, "low", []),
    ({"sent": 100, "undeliverable": 9}, "low", []),
    ({"sent": 100, "undeliverable": 10}, "medium", ["undeliverable"]),
    ({"sent": 100, "undeliverable": 25}, "high", ["undeliverable"]),
    ({"sent": 100, "failed": 15}, "medium", ["failed"]),
    ({"sent": 100, "failed": 40}, "high", ["failed"]),
    ({"people": 100, "opt_outs": 1}, "low", []),
    ({"people": 100, "opt_outs": 2}, "medium", ["opt_outs"]),
    ({"people": 100, "opt_outs": 5}, "high", ["opt_outs"]),
    ({"portfolio_used": 1599, "portfolio_limit": 2000}, "low", []),
    ({"portfolio_used": 2000, "portfolio_limit": 2000}, "medium", ["portfolio"]),
    ({"portfolio_used": 2000, "portfolio_limit": None}, "low", []),
    ({"templates_paused": 2}, "medium", ["templates"]),
    ({"token_days_left": 6.5}, "medium", ["token"]),
    ({"token_days_left": -1.0}, "medium", ["token"]),
    ({"token_days_left": 30.0}, "low", []),
    # The heaviest comes first; two that weigh medium stay medium.
    ({"quality": "YELLOW", "sent": 100, "failed": 20}, "medium", ["quality", "failed"]),
    ({"quality": "YELLOW", "spam_errors": 3}, "high", ["spam", "quality"]),
]


@pytest.mark.parametrize(("given", "level", "codes"), TABLE)
def test_figures_mean_a_level_with_reasons(given: dict[str, Any], level: str, codes: list[str]) -> None:
    found = judge(Facts(**given))

    assert (found.level, [reason.code for reason in found.reasons]) == (level, codes)


@pytest.mark.parametrize(("given", "level", "codes"), TABLE)
def test_every_reason_is_said_in_words(given: dict[str, Any], level: str, codes: list[str]) -> None:
    for reason in judge(Facts(**given)).reasons:
        text = words.reason(reason.to_json())
        assert len(text) > 15
        assert "%(" not in text
