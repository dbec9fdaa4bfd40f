"""What customers are told about their consent, in their language; changes of wording change VERSION."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conversations.consent.keywords import ID, Meaning
from conversations.content import Button, Buttons, Content, Text

VERSION: Final = "2026-11"
_SAID: Final[Mapping[str, Mapping[str, str]]] = {
    "pt": {
        "out": "Pronto, você não vai mais receber nossas mensagens automáticas. "
        "Quer parar só as promoções ou tudo? Para voltar, escreva VOLTAR.",
        "promotions": "Só promoções",
        "all": "Tudo",
        "back": "Pronto, você voltou a receber nossas mensagens. Para parar, escreva SAIR.",
        "ask": "Você quer parar de receber nossas mensagens?",
        "yes": "Sim, parar",
        "no": "Não",
    },
    "en": {
        "out": "Done, you will not receive our automatic messages any more. "
        "Stop promotions only, or everything? To come back, write START.",
        "promotions": "Promotions only",
        "all": "Everything",
        "back": "Done, you receive our messages again. To stop them, write STOP.",
        "ask": "Do you want to stop receiving our messages?",
        "yes": "Yes, stop",
        "no": "No",
    },
}


def answer(meaning: Meaning, language: str) -> Content | None:
    """Return what is said to a message of this meaning; None for silence."""
    said = _SAID["en" if language.lower().startswith("en") else "pt"]
    match meaning:
        case Meaning.OUT:
            return _buttons(said["out"], (Meaning.PROMOTIONS, said["promotions"]), (Meaning.ALL, said["all"]))
        case Meaning.BACK:
            return Text(body=said["back"])
        case Meaning.ASK:
            return _buttons(said["ask"], (Meaning.OUT, said["yes"]), (Meaning.KEEP, said["no"]))
        case _:
            return None


def _buttons(body: str, *choices: tuple[Meaning, str]) -> Buttons:
    return Buttons(body=body, buttons=tuple(Button(id=ID[meaning], title=title) for meaning, title in choices))
