"""The templates that the demo's clinic has: approved ones for the inbox, and one of every other fate."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]


def _body(text: str, **examples: str) -> Json:
    rows = [{"param_name": name, "example": value} for name, value in examples.items()]
    return {"type": "BODY", "text": text, **({"example": {"body_text_named_params": rows}} if rows else {})}


def _numbered(text: str, *examples: str) -> Json:
    return {"type": "BODY", "text": text, **({"example": {"body_text": [list(examples)]}} if examples else {})}


def _buttons(*buttons: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(buttons)}


def _reply(text: str) -> Json:
    return {"type": "QUICK_REPLY", "text": text}


FOOTER: Final[Json] = {"type": "FOOTER", "text": "Clínica Aurora"}
DEMO_TEMPLATES: Final[list[Json]] = [
    {
        "name": "lembrete_consulta",
        "parameter_format": "NAMED",
        "quality": "GREEN",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Lembrete de consulta"},
            _body(
                "Olá {{nome}}, sua consulta com {{medico}} é {{data}}. Podemos confirmar?",
                nome="Ana",
                medico="Dra. Helena",
                data="amanhã às 15h",
            ),
            FOOTER,
            _buttons(_reply("Confirmar"), _reply("Remarcar"), _reply("Cancelar")),
        ],
    },
    {
        "name": "resultado_exame",
        "parameter_format": "NAMED",
        "quality": "GREEN",
        "components": [
            _body("Olá {{nome}}, o resultado do seu exame já está disponível. Toque no botão para ver.", nome="Bruno"),
            _buttons(
                {
                    "type": "URL",
                    "text": "Ver resultado",
                    "url": "https://example.com/exames/{{1}}",
                    "example": ["https://example.com/exames/8f3a"],
                }
            ),
        ],
    },
    {
        "name": "retomar_conversa",
        "quality": "YELLOW",
        "components": [
            _numbered(
                "Oi {{1}}, nossa conversa ficou parada. Ainda podemos ajudar com {{2}}? Responda por aqui.",
                "Ana",
                "o agendamento",
            ),
            FOOTER,
        ],
    },
    {
        "name": "checkup_anual",
        "category": "MARKETING",
        "parameter_format": "NAMED",
        "components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://example.com/checkup.jpg"]}},
            _body(
                "{{nome}}".join(("Oi ", ", seu check-up anual está com horários abertos em dezembro. Vamos marcar?")),
                nome="Carla",
            ),
            {"type": "FOOTER", "text": "Responda PARAR para não receber"},
            _buttons(_reply("Quero marcar"), _reply("Agora não")),
        ],
    },
    {
        "name": "campanha_vacina",
        "category": "MARKETING",
        "status": "PAUSED",
        "quality": "RED",
        "reason": "FIRST_PAUSE",
        "components": [_numbered("Oi {{1}}, a vacina da gripe chegou à clínica. Venha até sexta-feira!", "Davi")],
    },
    {
        "name": "pesquisa_satisfacao",
        "status": "REJECTED",
        "reason": "TAG_CONTENT_MISMATCH",
        "components": [
            _numbered("Olá {{1}}, como foi seu atendimento? Ganhe 10% na próxima consulta ao responder.", "Ana")
        ],
    },
    {
        "name": "appointment_reminder",
        "language": "en_US",
        "components": [_numbered("Hello {{1}}, your appointment is {{2}}. See you soon!", "Ana", "tomorrow at 3 pm")],
    },
    {
        "name": "codigo_acesso",
        "category": "AUTHENTICATION",
        "components": [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "FOOTER", "code_expiration_minutes": 10},
            _buttons({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar código"}),
        ],
    },
]
