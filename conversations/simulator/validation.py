"""What a send must look like: the envelope, then the content of each type with its limits (Appendix B's table)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from conversations.simulator import checks, components, interactive
from conversations.simulator.checks import wrong
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, missing

MEDIA_TYPES: Final = ("image", "video", "audio", "document", "sticker")
WITH_CAPTION: Final = ("image", "video", "document")


@dataclass(frozen=True, slots=True)
class Content:
    """What was understood: the type, what a person would read, and the media it names."""

    kind: str
    text: str
    media_id: str = ""
    media_link: str = ""


def envelope(body: Any) -> Json:
    """Return the body of a send; raises GraphError if its frame is wrong."""
    if not isinstance(body, dict):
        raise GraphError(100, message="(#100) The request body must be a JSON object.")
    product = body.get("messaging_product")
    if product is None:
        raise missing("messaging_product")
    if product != "whatsapp":
        raise GraphError(100, message="(#100) Param messaging_product must be one of {WHATSAPP} - got " + repr(product))
    if body.get("recipient_type", "individual") not in ("individual", "group"):
        raise GraphError(100, message="(#100) Param recipient_type must be one of {INDIVIDUAL, GROUP}")
    if not isinstance(body.get("to", ""), str) or not isinstance(body.get("recipient", ""), str):
        raise GraphError(100, message="(#100) Param to must be a string.")
    if not body.get("to") and not body.get("recipient"):
        raise missing("to")
    checks.optional_text(body, "biz_opaque_callback_data", label="biz_opaque_callback_data", most=512)
    if body.get("context") is not None:
        context = checks.an_object(body, "context")
        checks.text(context, "message_id", label="context.message_id", most=1000)
    return body


def content(body: Json) -> Content:
    """Return the content of a send; raises GraphError for what the API refuses."""
    kind = body.get("type", "text")
    checker = CHECKS.get(kind) if isinstance(kind, str) else None
    if checker is None:
        raise GraphError(131051 if isinstance(kind, str) else 100, f"Message type is not supported: {kind}")
    return checker(body)


def _text(body: Json) -> Content:
    text = checks.an_object(body, "text")
    if not isinstance(text.get("preview_url", False), bool):
        raise wrong("text.preview_url must be a boolean")
    return Content("text", checks.text(text, "body", label="Text body", most=4096))


def _media(kind: str) -> Callable[[Json], Content]:
    def check(body: Json) -> Content:
        media = checks.an_object(body, kind)
        if ("id" in media) == ("link" in media):
            raise wrong(f"{kind} needs exactly one of id and link")
        if media.get("caption") is not None and kind not in WITH_CAPTION:
            raise wrong(f"Caption is not supported for {kind}")
        if not isinstance(media.get("voice", False), bool) or ("voice" in media and kind != "audio"):
            raise wrong("voice must be a boolean, and is only supported for audio")
        checks.optional_text(media, "filename", label="Filename", most=240)
        if media.get("filename") is not None and kind != "document":
            raise wrong("Filename is only supported for document")
        caption = checks.optional_text(media, "caption", label="Caption", most=1024)
        link = checks.optional_text(media, "link", label="Link", most=2000, least=1)
        if link and not link.startswith(("http://", "https://")):
            raise wrong("Link must be a valid URL")
        return Content(kind, caption, media_id=str(media.get("id", "")), media_link=link)

    return check


def _location(body: Json) -> Content:
    location = checks.an_object(body, "location")
    for name, bound in (("latitude", 90.0), ("longitude", 180.0)):
        value = checks.required(location, name, where="location.")
        try:
            fits = abs(float(value)) <= bound
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise wrong(f"location.{name} is not valid")
    name = checks.optional_text(location, "name", label="Location name", most=1000)
    checks.optional_text(location, "address", label="Location address", most=1000)
    return Content("location", name or f"{location['latitude']}, {location['longitude']}")


def _contacts(body: Json) -> Content:
    names: list[str] = []
    for contact in checks.a_list(body, "contacts", where="", least=1, most=257):
        if not isinstance(contact, dict):
            raise wrong("Contact must be a JSON object")
        name = checks.an_object(contact, "name", where="contacts.")
        names.append(checks.text(name, "formatted_name", label="Formatted name", most=1024))
        if not any(name.get(key) for key in ("first_name", "last_name", "middle_name", "suffix", "prefix")):
            raise GraphError(131008, "Required parameter is missing: contacts.name.first_name")
        for phone in contact.get("phones") or []:
            if not isinstance(phone, dict):
                raise wrong("contacts.phones must be JSON objects")
            checks.text(phone, "phone", label="Phone", most=60)
    return Content("contacts", ", ".join(names))


def _reaction(body: Json) -> Content:
    reaction = checks.an_object(body, "reaction")
    checks.text(reaction, "message_id", label="reaction.message_id", most=1000)
    if body.get("context") is not None:
        raise wrong("context is not supported for reaction")
    return Content("reaction", checks.optional_text(reaction, "emoji", label="Emoji", most=16))


def _interactive(body: Json) -> Content:
    return Content("interactive", interactive.check(checks.an_object(body, "interactive")))


def _template(body: Json) -> Content:
    template = checks.an_object(body, "template")
    checks.text(template, "name", label="Template name", most=512)
    language = checks.an_object(template, "language", where="template.")
    checks.text(language, "code", label="Language code", most=20)
    if language.get("policy", "deterministic") != "deterministic":
        raise wrong("template.language.policy must be deterministic")
    components.check(template.get("components", []))
    return Content("template", "")


CHECKS: Final[dict[str, Callable[[Json], Content]]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
    **{kind: _media(kind) for kind in MEDIA_TYPES},
}
