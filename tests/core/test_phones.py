from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytake.core import phones


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        pytest.param("wa_id", "5511987654321", "tel:551187654321", id="Brazilian mobile loses the ninth digit"),
        pytest.param("wa_id", "551187654321", "tel:551187654321", id="old account without it gives the same key"),
        pytest.param("phone", "+55 (11) 98765-4321", "tel:551187654321", id="typed form"),
        pytest.param("wa_id", "5511953334444", "tel:5511953334444", id="new range 9 5xxx keeps all digits"),
        pytest.param("wa_id", "551140040001", "tel:551140040001", id="landline"),
        pytest.param("wa_id", "5215512345678", "tel:525512345678", id="Mexico drops the 1"),
        pytest.param("wa_id", "5491112345678", "tel:541112345678", id="Argentina drops the 9"),
        pytest.param("phone", "54111512345678", "tel:541112345678", id="Argentina drops the 15"),
        pytest.param("wa_id", "351912345678", "tel:351912345678", id="elsewhere"),
        pytest.param("bsuid", "BR.7710020030", "bsuid:BR.7710020030", id="user id"),
        pytest.param("wa_id", "BR.7710020030", "bsuid:BR.7710020030", id="user id in the wrong field"),
        pytest.param("lid", "12345@lid", "lid:12345", id="lid"),
    ],
)
def test_spellings_of_one_line_share_a_key(kind: str, value: str, key: str) -> None:
    assert phones.canonical_key(kind, value) == key


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("(11) 98765-4321", "5511987654321"),
        ("011 98765-4321", "5511987654321"),
        ("0 15 11 98765-4321", "5511987654321"),
        ("+1 415 555 0100", "14155550100"),
        ("0055 11 98765 4321", "5511987654321"),
        ("551187654321", "551187654321"),
    ],
)
def test_typed_numbers_become_international(typed: str, digits: str) -> None:
    assert phones.normalize_phone(typed) == digits


@pytest.mark.parametrize("typed", ["", "123", "abc", "1" * 16, "()"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(phones.InvalidPhoneError):
        phones.normalize_phone(typed)


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_a_key_is_a_fixed_point(digits: str) -> None:
    key = phones.canonical_key("wa_id", digits)

    assert phones.canonical_key("wa_id", key.removeprefix("tel:")) in {
        key,
        phones.canonical_key("wa_id", digits[:0] + key[4:]),
    }


def test_people_see_a_formatted_or_masked_number() -> None:
    assert phones.format_phone("5511987654321") == "+55 (11) 98765-4321"
    assert phones.mask_phone("5511987654321") == "(11) 9****-4321"
