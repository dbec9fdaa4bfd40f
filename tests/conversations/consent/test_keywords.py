"""Which words stop and resume messages."""

from __future__ import annotations

import pytest

from conversations.consent import keywords
from conversations.consent.keywords import Meaning


@pytest.mark.parametrize(
    "text",
    [
        "sair", "SAIR", " Sair! ", "sair 🙏", "PARAR.", "Pare", "cancelar", "cancela", "remover", "descadastrar",
        "descadastre", "stop", "Stop all", "UNSUBSCRIBE", "não quero receber", "NAO  QUERO   RECEBER",
        "não receber mais", "Não me mande mais mensagens!!", "me tira da lista", "bloquear",
    ],
)  # fmt: skip
def test_a_whole_message_opts_out(text: str) -> None:
    assert keywords.read(text) is Meaning.OUT


@pytest.mark.parametrize("text", ["voltar", "Quero receber!", "ENTRAR", "start"])
def test_a_whole_message_returns(text: str) -> None:
    assert keywords.read(text) is Meaning.BACK


@pytest.mark.parametrize("text", ["quero sair", "quero cancelar meu pedido", "Parar promoções", "please stop now"])
def test_a_short_text_with_a_keyword_is_asked_about(text: str) -> None:
    assert keywords.read(text) is Meaning.ASK


@pytest.mark.parametrize(
    "text", ["", "🙂", "oi", "saída", "eu quero cancelar meu pedido", "vou sair de casa agora", "parada", "nonstop"]
)
def test_other_texts_say_nothing(text: str) -> None:
    assert keywords.read(text) is None


def test_an_organization_adds_words() -> None:
    assert keywords.read("Chega!", more=["chega"]) is Meaning.OUT
    assert keywords.read("Chega!") is None


def test_our_own_buttons_are_known_by_their_ids() -> None:
    assert keywords.read("Sim, parar", reply_id="consent:out") is Meaning.OUT
    assert keywords.read("Não", reply_id="consent:keep") is Meaning.KEEP
