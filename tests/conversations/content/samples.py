"""One of everything that can be sent, and the templates that the provider must know for it."""

from __future__ import annotations

from typing import Any, Final

from conversations.content import (
    Attachment,
    Button,
    Buttons,
    Card,
    Contacts,
    Content,
    File,
    FlowForm,
    LinkButton,
    ListMenu,
    Location,
    LocationRequest,
    Parameter,
    Person,
    Reaction,
    Row,
    Section,
    Template,
    TemplateButton,
    Text,
)

MEDIA: Final = "300000000000001"
LINK: Final = "https://example.org/file"
PICTURE: Final = Attachment(kind="image", media_id=MEDIA)
SECTIONS: Final = (
    Section(title="Terça", rows=(Row(id="a", title="09:00", description="Sala 2"),)),
    Section(title="Quarta", rows=(Row(id="b", title="10:00"),)),
)
YES_NO: Final = (Button(id="yes", title="Sim"), Button(id="no", title="Não"))


def _card(text: str) -> Card:
    button = TemplateButton(kind="quick_reply", index=0, value=f"want-{text}", title="Quero")
    return Card(header=PICTURE, body=(Parameter(text=text),), buttons=(button,))


# Name: content, the provider's type, and the line for lists.
EVERYTHING: Final[dict[str, tuple[Content, str, str]]] = {
    "text": (Text(body="Olá 👋", preview_url=True), "text", "Olá 👋"),
    "image by id": (File(kind="image", media_id=MEDIA, caption="A sala"), "image", "[image] A sala"),
    "image by link": (File(kind="image", link=f"{LINK}.png"), "image", "[image]"),
    "video": (File(kind="video", media_id=MEDIA, caption="A visita"), "video", "[video] A visita"),
    "audio": (File(kind="audio", media_id=MEDIA), "audio", "[audio]"),
    "voice": (File(kind="voice", media_id=MEDIA), "audio", "[voice]"),
    "document": (
        File(kind="document", link=f"{LINK}.pdf", filename="boleto.pdf", caption="Vence hoje"),
        "document",
        "[document] Vence hoje",
    ),
    "sticker": (File(kind="sticker", media_id=MEDIA), "sticker", "[sticker]"),
    "location": (
        Location(latitude=-23.55, longitude=-46.63, name="Polo", address="Rua A"),
        "location",
        "[location] Polo · Rua A",
    ),
    "contacts": (
        Contacts(
            people=(
                Person(
                    name="Bia Souza",
                    first_name="Bia",
                    last_name="Souza",
                    company="Polo",
                    phones=("+55 11 90000-0002",),
                    emails=("bia@example.org",),
                ),
            )
        ),
        "contacts",
        "[contacts] Bia Souza",
    ),
    "reaction": (Reaction(message_id="wamid.IN1", emoji="👍"), "reaction", "[reaction] 👍"),
    "reaction taken back": (Reaction(message_id="wamid.IN1"), "reaction", "[reaction]"),
    "buttons": (
        Buttons(body="Posso ajudar?", buttons=YES_NO, header="Oi", footer="Polo"),
        "interactive",
        "Posso ajudar?",
    ),
    "buttons under a picture": (
        Buttons(body="Gostou?", buttons=YES_NO, header=PICTURE),
        "interactive",
        "Gostou?",
    ),
    "list": (ListMenu(body="Quando?", button="Ver horários", sections=SECTIONS), "interactive", "Quando?"),
    "link": (
        LinkButton(
            body="Sua fatura",
            title="Abrir",
            url="https://example.org/x?a=1",
            header=Attachment(kind="document", link=f"{LINK}.pdf", filename="fatura.pdf"),
            footer="Polo",
        ),
        "interactive",
        "Sua fatura",
    ),
    "location request": (LocationRequest(body="Onde você está?"), "interactive", "Onde você está?"),
    "flow": (
        FlowForm(
            body="Seus dados",
            button="Preencher",
            flow_id="600000000000001",
            token="t-77",
            screen="START",
            data={"k": "v"},
        ),
        "interactive",
        "Seus dados",
    ),
    "flow by name": (
        FlowForm(body="Dados", button="Abrir", flow_name="cadastro", is_draft=True),
        "interactive",
        "Dados",
    ),
    "template": (
        Template(
            name="aviso",
            language="pt_BR",
            header=(Parameter(text="Ana"),),
            body=(Parameter(text="R$ 50,00"), Parameter(text="hoje")),
            buttons=(
                TemplateButton(kind="url", index=0, value="inv/88"),
                TemplateButton(kind="quick_reply", index=1, value="PAID", title="Já paguei"),
            ),
            shown="R$ 50,00 vence hoje.",
        ),
        "template",
        "R$ 50,00 vence hoje.",
    ),
    "template with names": (
        Template(
            name="nomeado",
            language="pt_BR",
            header=PICTURE,
            body=(Parameter(text="10", name="valor"), Parameter(text="Ana", name="nome")),
        ),
        "template",
        "[template] nomeado",
    ),
    "template with a code": (
        Template(name="cupom", language="pt_BR", buttons=(TemplateButton(kind="copy_code", index=0, value="MENOS25"),)),
        "template",
        "[template] cupom",
    ),
    "template with a form": (
        Template(
            name="formulario",
            language="pt_BR",
            buttons=(TemplateButton(kind="flow", index=0, value="t-1", data={"k": "v"}),),
        ),
        "template",
        "[template] formulario",
    ),
    "template with a place": (
        Template(name="lugar", language="pt_BR", header=Location(latitude=-23.5, longitude=-46.6, name="Polo")),
        "template",
        "[template] lugar",
    ),
    "one-time code": (
        Template(
            name="codigo",
            language="pt_BR",
            body=(Parameter(text="123456"),),
            buttons=(TemplateButton(kind="otp", index=0, value="123456"),),
        ),
        "template",
        "[template] codigo",
    ),
    "carousel": (
        Template(name="vitrine", language="pt_BR", cards=(_card("Azul"), _card("Verde"))),
        "template",
        "[template] vitrine",
    ),
}


def _buttons(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(buttons)}


_BODY: Final = {"type": "BODY", "text": "Olá."}
_CARD: Final = {
    "components": [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Cor {{1}}."},
        _buttons({"type": "QUICK_REPLY", "text": "Quero"}),
    ]
}
TEMPLATES: Final[dict[str, list[dict[str, Any]]]] = {
    "aviso": [
        {"type": "HEADER", "format": "TEXT", "text": "Olá {{1}}"},
        {"type": "BODY", "text": "{{1}} vence {{2}}."},
        _buttons(
            {"type": "URL", "text": "Pagar", "url": "https://example.org/{{1}}"},
            {"type": "QUICK_REPLY", "text": "Já paguei"},
        ),
    ],
    "nomeado": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{nome}}: R$ {{valor}}."}],
    "cupom": [_BODY, _buttons({"type": "COPY_CODE", "example": "MENOS10"})],
    "formulario": [_BODY, _buttons({"type": "FLOW", "text": "Preencher"})],
    "lugar": [{"type": "HEADER", "format": "LOCATION"}, _BODY],
    "codigo": [
        {"type": "BODY", "text": "Seu código é {{1}}."},
        _buttons({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar"}),
    ],
    "vitrine": [_BODY, {"type": "CAROUSEL", "cards": [_CARD, _CARD]}],
}
