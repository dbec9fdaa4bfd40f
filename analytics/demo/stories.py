"""What happened between the demo clinic and its patients: short original dialogues.

A line is (who, text): "c" the contact, "b" the bot, an agent's e-mail name, or "note:<agent>" for an
internal note. `ending` is the state in which the thread is left; `weight` how often the story occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Ending = Literal["resolved", "closed", "queued", "active", "pending", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One dialogue."""

    lines: tuple[tuple[str, str], ...]
    ending: Ending
    department: str = ""
    weight: int = 1


# Several ways to say it, so that a list of conversations does not repeat itself.
ABOUT_PERMITS: Final = (
    "como peço a autorização? | e quanto tempo demora a autorização? | preciso levar o pedido médico? | "
    "posso mandar a carteirinha por aqui? | o ultrassom precisa de autorização também?"
)
ABOUT_MONEY: Final = (
    "preciso da segunda via do boleto | meu boleto venceu ontem, e agora? | vocês mandam nota fiscal? | "
    "fui cobrada duas vezes este mês"
)
PRESSING: Final = (
    "é urgente, por favor | alguém pode me ajudar? | minha médica pediu para hoje | "
    "é o hemograma, protocolo {protocol} | oi?"
)
WELCOME = "Olá! Aqui é a assistente da Clínica Aurora. Como posso ajudar?"
STORIES: Final = (
    Story(
        lines=(
            ("c", "oi, queria marcar uma consulta"),
            ("b", WELCOME),
            ("b", "Qual é o seu nome completo?"),
            ("c", "{name}"),
            ("b", "Prazer, {first}! Qual especialidade você procura?"),
            ("c", "Dermatologia"),
            ("b", "Tenho estes horários nos próximos dias: terça 09:00, quarta 14:30 e sexta 10:15."),
            ("c", "quarta 14:30"),
            ("b", "Confirma dermatologia na quarta-feira às 14:30?"),
            ("c", "Confirmar"),
            ("b", "Tudo certo! Seu protocolo é {protocol}. Chegue 10 minutos antes, por favor."),
            ("c", "obrigada!"),
        ),
        ending="resolved",
        weight=7,
    ),
    Story(
        lines=(
            ("c", "bom dia, o resultado do meu exame de sangue já saiu?"),
            ("b", WELCOME),
            ("c", "falar com atendente"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
            ("note:camila", "Coleta no dia 12, prazo do laboratório vence amanhã."),
            ("camila", "Bom dia, {first}! O laboratório promete o resultado para amanhã até as 18h."),
            ("c", "perfeito, aguardo então | tá bom, obrigada | ok, fico no aguardo"),
            ("camila", "Assim que chegar eu envio por aqui."),
        ),
        ending="resolved",
        department="exames",
        weight=4,
    ),
    Story(
        lines=(
            ("c", "vocês aceitam o meu plano?"),
            ("b", WELCOME),
            ("c", "atendente"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
            ("bruno", "Oi, {first}! Qual é o plano e a categoria?"),
            ("c", "é o regional básico"),
            ("bruno", "Aceitamos para consultas. Para exames de imagem é preciso autorização antes."),
            ("c", ABOUT_PERMITS),
        ),
        ending="active",
        department="atendimento",
        weight=2,
    ),
    Story(
        lines=(
            ("c", ABOUT_MONEY),
            ("b", WELCOME),
            ("c", "quero falar com uma pessoa"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
        ),
        ending="queued",
        department="financeiro",
        weight=2,
    ),
    Story(
        lines=(
            ("c", "preciso remarcar minha consulta de amanhã"),
            ("b", WELCOME),
            ("c", "falar com atendente"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
            ("diego", "Oi, {first}. Tenho quinta às 16h ou segunda às 8h30. Qual prefere?"),
        ),
        ending="pending",
        department="atendimento",
        weight=2,
    ),
    Story(
        lines=(
            ("c", "Oi"),
            ("b", WELCOME),
            ("b", "Qual é o seu nome completo?"),
        ),
        ending="open",
        weight=3,
    ),
    Story(
        lines=(
            ("c", "qual o endereço de vocês?"),
            ("b", WELCOME),
            ("c", "atendente"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
            ("bruno", "Ficamos na Rua das Acácias, 210, ao lado da praça. Tem estacionamento no subsolo."),
            ("c", "valeu | obrigada! | perfeito, até amanhã | ótimo, obrigado"),
        ),
        ending="closed",
        department="atendimento",
        weight=3,
    ),
    Story(
        lines=(
            ("c", "tô esperando retorno desde ontem sobre o exame"),
            ("b", WELCOME),
            ("c", "atendente"),
            ("b", "Vou te passar para uma pessoa da nossa equipe. Um instante."),
            ("c", PRESSING),
        ),
        ending="queued",
        department="exames",
        weight=1,
    ),
)
