"""Envelopes: who opens them, and what rotation keeps."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from pytake.infra import crypto

FIRST, SECOND = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text(), st.text())
def test_what_was_encrypted_comes_back(plaintext: str, context: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in plaintext + context):
        return
    provider = crypto.FernetProvider([FIRST])

    assert provider.decrypt(provider.encrypt(plaintext, context=context), context=context) == plaintext


def test_an_envelope_opens_in_its_own_place_only() -> None:
    provider = crypto.FernetProvider([FIRST])
    envelope = provider.encrypt("token", context="a:number.access_token")

    assert "token" not in envelope
    for place in ("b:number.access_token", "a:number.app_secret", ""):
        with pytest.raises(crypto.DecryptionError):
            provider.decrypt(envelope, context=place)


def test_a_new_key_reads_old_envelopes_and_rotation_leaves_the_old_key_behind() -> None:
    old = crypto.FernetProvider([FIRST]).encrypt("token", context="c")
    both = crypto.FernetProvider([SECOND, FIRST])
    assert both.decrypt(old, context="c") == "token"

    rotated = both.rotate(old)

    assert both.rotate(rotated) == rotated
    assert crypto.FernetProvider([SECOND]).decrypt(rotated, context="c") == "token"
    with pytest.raises(crypto.DecryptionError):
        crypto.FernetProvider([SECOND]).decrypt(old, context="c")


@pytest.mark.parametrize("garbage", ["", "fernet:1:x", "vault:v1:x", "fernet:1:é", "plain text"])
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(crypto.DecryptionError):
        crypto.decrypt(garbage, context="c")


@pytest.mark.parametrize("keys", [[], ["short"], [FIRST, "bad"]])
def test_bad_keys_are_named(keys: list[str]) -> None:
    with pytest.raises(crypto.EncryptionConfigurationError, match="ENCRYPTION_KEYS"):
        crypto.FernetProvider(keys)


def test_the_settings_rule(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [FIRST]
    envelope = crypto.encrypt("x", context="c")
    settings.ENCRYPTION_KEYS = [SECOND, FIRST]

    assert crypto.decrypt(crypto.rotate(envelope), context="c") == "x"
