"""Variables as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from flows.pages import values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ana", "Ana"),
        (0, "0"),
        (True, "yes"),
        (None, "—"),
        ([1, 2], "2 entries"),
        ({"title": ["x"], "id": 7}, "7"),
        ({"title": "Cardiologia", "id": "c"}, "Cardiologia"),
        ({}, "{…}"),
    ],
)
def test_a_value_is_a_word(value: Any, text: str) -> None:
    with translation.override("en"):
        assert values.shown({"v": value})[0].text == text


def test_plain_values_come_first_and_masked_ones_are_names_only() -> None:
    variables = {"slots": [1], "name": "Ana"}

    assert [value.name for value in values.shown(variables)] == ["name", "slots"]
    assert {value.text for value in values.shown(variables, masked=True)} == {values.MASK}
