"""Encryption of secrets at rest behind one interface; Fernet is the provider that is always there.

An envelope is a text `<provider>:<key id>:<ciphertext>`, so that providers can be mixed and moved. The
context (such as "<organization id>:number.access_token") is bound to the ciphertext: an envelope copied
to another row or column does not open.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class DecryptionError(ValueError):
    """The envelope does not open: wrong key, wrong context, or not an envelope."""


class EncryptionConfigurationError(ValueError):
    """The keys in the settings are missing or malformed."""


class Provider(Protocol):
    """Somebody who holds keys."""

    @property
    def name(self) -> str:
        """Return the word that its envelopes begin with."""

    def encrypt(self, plaintext: str, *, context: str) -> str:
        """Return an envelope that opens with the same context only."""

    def decrypt(self, envelope: str, *, context: str) -> str:
        """Return the plaintext, or raise DecryptionError."""

    def rotate(self, envelope: str) -> str:
        """Return the envelope under the newest key; the same one if it is already."""

    def validate(self) -> None:
        """Raise EncryptionConfigurationError if the provider cannot work."""


def _digest(context: str) -> bytes:
    return hashlib.sha256(context.encode()).digest()


class FernetProvider:
    """Keys from the settings; the first encrypts, all decrypt."""

    name: Final = "fernet"

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise EncryptionConfigurationError("ENCRYPTION_KEYS is empty.")
        try:
            self._fernets = [Fernet(key) for key in keys]
        except ValueError as exc:
            raise EncryptionConfigurationError("ENCRYPTION_KEYS has an entry that is not a Fernet key.") from exc
        self._all = MultiFernet(self._fernets)
        self._key_id = hashlib.sha256(keys[0].encode()).hexdigest()[:8]

    def encrypt(self, plaintext: str, *, context: str) -> str:
        """Encrypt with the first key; the digest of the context stands before the plaintext."""
        token = self._all.encrypt(_digest(context) + plaintext.encode()).decode()
        return f"{self.name}:{self._key_id}:{token}"

    def decrypt(self, envelope: str, *, context: str) -> str:
        """Decrypt with whichever key fits, then compare the context."""
        content = self._open(envelope)
        if not hmac.compare_digest(content[:32], _digest(context)):
            raise DecryptionError("This envelope belongs to another place.")
        return content[32:].decode()

    def rotate(self, envelope: str) -> str:
        """Encrypt again with the first key, keeping the context."""
        if envelope.startswith(f"{self.name}:{self._key_id}:"):
            return envelope
        return f"{self.name}:{self._key_id}:{self._all.encrypt(self._open(envelope)).decode()}"

    def validate(self) -> None:
        """Encrypt and decrypt a sample."""
        if self.decrypt(self.encrypt("sample", context="check"), context="check") != "sample":
            raise EncryptionConfigurationError("The encryption keys do not work.")

    def _open(self, envelope: str) -> bytes:
        token = envelope.rpartition(":")[2]
        try:
            return self._all.decrypt(token.encode())
        except (InvalidToken, UnicodeEncodeError) as exc:
            raise DecryptionError("No key opens this envelope.") from exc


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> FernetProvider:
    return FernetProvider(keys)


def provider(name: str = "fernet") -> Provider:
    """Return the named provider."""
    if name != FernetProvider.name:
        raise DecryptionError(f"There is no encryption provider {name!r}.")
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


def encrypt(plaintext: str, *, context: str) -> str:
    """Return an envelope; the context names organization and field, and must be given again to open it."""
    return provider().encrypt(plaintext, context=context)


def decrypt(envelope: str, *, context: str) -> str:
    """Return the plaintext, or raise DecryptionError."""
    return provider(envelope.partition(":")[0]).decrypt(envelope, context=context)


def rotate(envelope: str) -> str:
    """Return the envelope under the newest key."""
    return provider(envelope.partition(":")[0]).rotate(envelope)


# Columns that hold envelopes: (model label, field). `rotate_secrets` walks them; a text field holds
# one envelope, a JSON field a list of them, a binary field one in bytes. Apps add theirs in `ready`.
ENVELOPE_COLUMNS: set[tuple[str, str]] = set()


def register_envelopes(model_label: str, *fields: str) -> None:
    """Let `rotate_secrets` know of columns that hold envelopes."""
    ENVELOPE_COLUMNS.update((model_label, field) for field in fields)
