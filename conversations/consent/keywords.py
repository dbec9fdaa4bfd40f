"""What a customer's words say about consent. Pure.

Only a whole message counts: "sair" opts out, "quero cancelar meu pedido" does not. A short text that contains
a word of the list is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from pytake.core.text import fold

ASKED_WORDS_MAX: Final = 4


class Meaning(StrEnum):
    """What a message says."""

    OUT = "out"
    BACK = "back"
    ASK = "ask"
    # Answers to our own question and confirmation.
    PROMOTIONS = "promotions"
    ALL = "all"
    KEEP = "keep"


# As ids of our own reply buttons.
ID: Final = {meaning: f"consent:{meaning}" for meaning in Meaning}
_BY_ID: Final = {value: meaning for meaning, value in ID.items()}

OUT: Final = frozenset(
    {
        "sair", "parar", "pare", "cancelar", "cancela", "remover", "descadastrar", "descadastre", "nao quero receber",
        "nao receber mais", "nao me mande mais mensagens", "me tira da lista", "bloquear",
        "stop", "unsubscribe", "stop all", "stopall", "cancel", "quit", "opt out", "optout", "remove me",
        "no more messages",
    }
)  # fmt: skip
BACK: Final = frozenset(
    {"voltar", "quero receber", "entrar", "start", "unstop", "subscribe", "resume", "opt in", "optin"}
)  # fmt: skip
_ANSWERS: Final = {
    "so promocoes": Meaning.PROMOTIONS,
    "promotions only": Meaning.PROMOTIONS,
    "tudo": Meaning.ALL,
    "everything": Meaning.ALL,
}
_SINGLE: Final = frozenset(word for word in OUT if " " not in word)


def read(text: str, *, reply_id: str = "", more: Iterable[str] = ()) -> Meaning | None:
    """Return what a text or a tapped button says; `more` are words that the organization added to the list.

    BACK and answers mean something only to a person who has opted out: the caller knows.
    """
    if reply_id in _BY_ID:
        return _BY_ID[reply_id]
    said = fold(text)
    if not said:
        return None
    added = {fold(word) for word in more}
    if said in OUT or said in added:
        return Meaning.OUT
    if said in BACK:
        return Meaning.BACK
    if said in _ANSWERS:
        return _ANSWERS[said]
    words = said.split()
    if len(words) <= ASKED_WORDS_MAX and not (_SINGLE | added).isdisjoint(words):
        return Meaning.ASK
    return None
