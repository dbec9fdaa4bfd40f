"""Every error code that the provider documents, and what it means for us."""

from __future__ import annotations

import pytest

from conversations.gateway import error_classes
from conversations.gateway.base import NotSent, Refused, Unknown
from conversations.gateway.cloud_api import _outcome

# (code, HTTP status, class)
TABLE = [
    (0, 401, "A"), (1, 400, "U"), (2, 503, "U"), (3, 500, "A"), (4, 400, "T"), (4, 429, "T"), (10, 403, "A"),
    (33, 400, "A"), (100, 400, "M"), (190, 401, "A"), (200, 403, "A"), (219, 403, "A"), (299, 403, "A"),
    (368, 403, "A"), (80007, 400, "T"), (80007, 429, "T"), (130403, 403, "R"), (130429, 400, "T"),
    (130429, 429, "T"), (130472, 400, "R"), (130497, 403, "R"), (131000, 500, "U"), (131005, 403, "A"),
    (131008, 400, "M"), (131009, 400, "M"), (131016, 500, "U"), (131020, 400, "R"), (131021, 400, "M"),
    (131026, 400, "R"), (131030, 400, "M"), (131031, 403, "A"), (131037, 400, "A"), (131041, 400, "R"),
    (131042, 400, "A"), (131044, 400, "A"), (131045, 500, "A"), (131047, 400, "R"), (131048, 400, "A"),
    (131048, 429, "A"), (131049, 400, "R"), (131050, 400, "R"), (131051, 400, "M"), (131052, 400, "M"),
    (131053, 400, "M"), (131055, 400, "M"), (131056, 400, "T"), (131056, 429, "T"), (131057, 500, "T"),
    (131059, 400, "M"), (131062, 400, "R"), (131063, 400, "P"), (131064, 400, "A"), (132000, 400, "P"),
    (132001, 404, "P"), (132005, 400, "M"), (132007, 400, "P"), (132008, 400, "M"), (132012, 400, "P"),
    (132015, 400, "P"), (132016, 400, "P"), (132018, 400, "M"), (132068, 400, "P"), (132069, 400, "T"),
    (133000, 500, "A"), (133004, 503, "T"), (133005, 400, "A"), (133006, 400, "A"), (133008, 400, "A"),
    (133009, 400, "T"), (133010, 400, "A"), (133015, 400, "T"), (133016, 400, "A"), (133016, 429, "A"),
    (134011, 400, "A"), (134100, 400, "P"), (134101, 400, "T"), (134102, 500, "P"), (135000, 400, "M"),
    (136024, 400, "A"), (137000, 400, "R"), (139000, 400, "P"), (139001, 400, "P"), (139002, 400, "P"),
    (139003, 400, "P"), (139004, 400, "P"), (139100, 400, "M"), (139101, 400, "M"), (139102, 400, "M"),
    (139103, 400, "M"), (141002, 400, "P"), (147001, 400, "M"), (147005, 400, "M"), (2388040, 400, "M"),
    (2494100, 400, "T"), (2494100, 503, "T"),
    # Codes that nobody has told us about are judged by the HTTP status, as answers without a code are.
    (999999, 400, "M"), (999999, 401, "A"), (999999, 403, "A"), (999999, 404, "M"), (999999, 429, "T"),
    (999999, 500, "U"), (999999, 503, "U"), (None, 400, "M"), (None, 401, "A"), (None, 403, "A"), (None, 404, "M"),
    (None, 429, "T"), (None, 500, "U"), (None, 502, "U"), (None, 503, "U"), (None, 504, "U"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "kind"), TABLE)
def test_every_code_has_its_class(code: int | None, status: int, kind: str) -> None:
    assert error_classes.classify(code, status) == kind


@pytest.mark.parametrize(("code", "status", "kind"), TABLE)
def test_only_proof_that_nothing_was_sent_lets_a_message_be_tried_again(
    code: int | None, status: int, kind: str
) -> None:
    body = b"<html>" if code is None else b'{"error":{"code":%d,"message":"x"}}' % code
    outcome = _outcome(status, body)
    expected = {"T": NotSent, "U": Unknown}.get(kind, Refused)
    assert type(outcome) is expected
    if isinstance(outcome, NotSent):
        assert outcome.throttled
        assert outcome.wait_s > 0


def test_every_code_of_ours_is_in_the_table() -> None:
    assert set(error_classes.CLASSES) <= {code for code, _, _ in TABLE}


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        (190, "account"), (131042, "account"), (131048, "promotions"), (132001, "template"), (132015, "template"),
        (131026, "recipient"), (131008, "message"), (130429, ""), (131000, ""),
    ],
)  # fmt: skip
def test_a_refusal_says_what_it_concerns(code: int, scope: str) -> None:
    assert error_classes.scope_of(code, 400) == scope


def test_the_account_is_concerned_when_its_number_is_unknown() -> None:
    outcome = _outcome(400, b'{"error":{"code":100,"error_subcode":33,"message":"x"}}')
    assert isinstance(outcome, Refused)
    assert outcome.scope == "account"
