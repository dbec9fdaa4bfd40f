"""What pages and mails say of templates: states, reasons, problems, failures of the provider."""

from __future__ import annotations

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conversations.gateway.templates import TemplateApiError
from conversations.message_templates.rules import Problem
from conversations.models import WhatsAppTemplate

Words = dict[str, str | Promise]
_S = WhatsAppTemplate.Status

# Icon and colour of a state; the word comes from the model.
STATUS_LOOKS: Final = {
    _S.DRAFT: ("pencil", ""),
    _S.PENDING: ("hourglass", "is-info"),
    _S.APPROVED: ("circle-check", "is-ok"),
    _S.REJECTED: ("circle-x", "is-bad"),
    _S.PAUSED: ("clock", "is-warn"),
    _S.DISABLED: ("circle-alert", "is-bad"),
    _S.DELETED: ("trash-2", ""),
}
QUALITY_LOOKS: Final = {"GREEN": "is-ok", "YELLOW": "is-warn", "RED": "is-bad", "UNKNOWN": ""}
LANGUAGES: Final[Words] = {
    "pt_BR": gettext_lazy("Portuguese (Brazil)"),
    "pt_PT": gettext_lazy("Portuguese (Portugal)"),
    "en_US": gettext_lazy("English (US)"),
    "en": gettext_lazy("English"),
    "es": gettext_lazy("Spanish"),
    "es_AR": gettext_lazy("Spanish (Argentina)"),
    "es_MX": gettext_lazy("Spanish (Mexico)"),
    "fr": gettext_lazy("French"),
    "de": gettext_lazy("German"),
    "it": gettext_lazy("Italian"),
}
CATEGORY_HELP: Final[Words] = {
    "UTILITY": gettext_lazy("About something the customer asked for: appointments, orders, payments. No offers."),
    "MARKETING": gettext_lazy("Offers, news, invitations, and anything mixed. Only for people who accept promotions."),
    "AUTHENTICATION": gettext_lazy("One-time codes. WhatsApp writes the text itself."),
}
REASONS: Final[Words] = {
    "INVALID_FORMAT": gettext_lazy("The format is not right: look at the variables, their examples and the links."),
    "INCORRECT_CATEGORY": gettext_lazy("The text does not fit the category. Choose the category WhatsApp suggests."),
    "TAG_CONTENT_MISMATCH": gettext_lazy("The text does not fit the category or the language."),
    "ABUSIVE_CONTENT": gettext_lazy("WhatsApp considers the text abusive or against its policies."),
    "PROMOTIONAL": gettext_lazy("The text advertises: submit it as marketing."),
    "SCAM": gettext_lazy("WhatsApp takes the text for a scam."),
    "FIRST_PAUSE": gettext_lazy("Paused for 3 hours: recipients blocked or reported it."),
    "SECOND_PAUSE": gettext_lazy("Paused for 6 hours: recipients went on blocking or reporting it."),
    "RATE_LIMITING_PAUSE": gettext_lazy("Paused because the first recipients reacted badly. Release it by hand."),
    "announced": gettext_lazy("Announced by WhatsApp, not in effect yet."),
}
RAW: Final[Words] = {
    "FLAGGED": gettext_lazy("Low quality: WhatsApp may pause it soon."),
    "IN_APPEAL": gettext_lazy("An appeal is being examined."),
    "ARCHIVED": gettext_lazy("Archived at WhatsApp."),
    "LOCKED": gettext_lazy("Locked by WhatsApp."),
    "LIMIT_EXCEEDED": gettext_lazy("The account has too many templates."),
    "PENDING_DELETION": gettext_lazy("It is being deleted."),
}
FAILURES: Final[Words] = {
    "token": gettext_lazy("The access token of the number is not valid any more, or may not manage templates."),
    "limited": gettext_lazy("WhatsApp accepts no more requests for now. PyTake goes on by itself in some minutes."),
    "gone": gettext_lazy("WhatsApp does not know this account or template, or the token does not reach it."),
    "cursor": gettext_lazy("The list changed while it was being read. PyTake begins again by itself."),
    "away": gettext_lazy("WhatsApp did not answer. PyTake tries again by itself."),
    "refused": gettext_lazy("WhatsApp refused the request."),
}
SUBCODES: Final[dict[int, tuple[str, str | Promise]]] = {
    2388024: ("name", gettext_lazy("A template with this name and language exists already at WhatsApp.")),
    2388023: (
        "name",
        gettext_lazy("A template of this name was deleted: the name can be used again 30 days after that."),
    ),
    2388025: ("name", gettext_lazy("Use only lower-case letters without accents, digits and underscores.")),
    2388019: ("", gettext_lazy("The account has reached its limit of templates.")),
    2388026: ("category", gettext_lazy("The category of an approved template cannot be changed.")),
    2388027: ("", gettext_lazy("Only approved, rejected and paused templates can be edited.")),
    2388028: ("", gettext_lazy("An approved template can be edited once a day and ten times a month.")),
    2388040: ("body.text", gettext_lazy("WhatsApp finds a text too long.")),
    2388043: ("", gettext_lazy("WhatsApp misses an example.")),
    2388047: ("header.text", gettext_lazy("WhatsApp does not accept the header.")),
    2388072: ("body.text", gettext_lazy("WhatsApp does not accept the text.")),
    2388073: ("footer.text", gettext_lazy("WhatsApp does not accept the footer.")),
    2388293: ("body.text", gettext_lazy("There are too many variables for so little text.")),
    2388299: ("body.text", gettext_lazy("The text must not begin or end with a variable.")),
}
PROBLEMS: Final[Words] = {
    "required": gettext_lazy("Fill this in."),
    "too_long": gettext_lazy("At most %(limit)s characters; there are %(found)s."),
    "name_pattern": gettext_lazy("Use only lower-case letters without accents, digits and underscores."),
    "language_pattern": gettext_lazy("Choose a language."),
    "unknown_choice": gettext_lazy("Choose one of the options."),
    "unknown_component": gettext_lazy("WhatsApp has no such part: %(about)s."),
    "needs_file": gettext_lazy("This header needs a sample file."),
    "header_formatting": gettext_lazy("The header takes no line breaks and no formatting (* _ ~)."),
    "too_many_variables": gettext_lazy("At most %(limit)s variables here."),
    "many_breaks": gettext_lazy("At most two line breaks, or four spaces, in a row."),
    "variable_at_edge": gettext_lazy("The text must not begin or end with a variable: put words around it."),
    "adjacent_variables": gettext_lazy("Put words between two variables."),
    "few_words": gettext_lazy("So many variables need at least %(limit)s words of text; there are %(found)s."),
    "broken_braces": gettext_lazy("A variable is written {{1}} or {{name}}, without spaces inside the word."),
    "variable_named": gettext_lazy("Names of variables have lower-case letters, digits and _: “%(about)s” does not."),
    "variable_positional": gettext_lazy("Variables are numbers here: “%(about)s” is none. Or choose names."),
    "gap_in_numbers": gettext_lazy("Number the variables without gaps: %(about)s."),
    "example_needed": gettext_lazy("Give an example for {{%(about)s}}: WhatsApp's reviewers read it."),
    "too_many_buttons": gettext_lazy("At most %(limit)s buttons; there are %(found)s."),
    "too_many_of_kind": gettext_lazy("At most %(limit)s of this kind of button (%(about)s); there are %(found)s."),
    "replies_scattered": gettext_lazy("Keep the quick replies together, before or after the other buttons."),
    "repeated_label": gettext_lazy("Another button has this text already."),
    "not_a_link": gettext_lazy("Write the whole link, beginning with https://."),
    "variable_not_at_end": gettext_lazy("A link takes one variable, at its end."),
    "link_variable_is_one": gettext_lazy("The variable of a link is called {{1}}."),
    "not_a_phone": gettext_lazy("Write the number with country code, digits only."),
    "count_of_cards": gettext_lazy("A carousel has 2 to %(limit)s cards; there are %(found)s."),
    "card_header": gettext_lazy("Every card begins with an image or a video."),
    "count_of_card_buttons": gettext_lazy("Every card has 1 or %(limit)s buttons."),
    "cards_differ": gettext_lazy("All cards must have the same parts and kinds of buttons."),
    "preset_text": gettext_lazy("WhatsApp writes the text of one-time codes itself."),
    "out_of_range": gettext_lazy("Between 1 and %(limit)s."),
    "otp_button": gettext_lazy("A one-time code needs exactly one button that copies it."),
}


def problem(found: Problem) -> str:
    """Return a problem as a sentence."""
    values = {"limit": found.limit, "found": found.found, "about": found.about}
    return str(PROBLEMS[found.code]) % values


def problems(found: list[Problem]) -> dict[str, list[object]]:
    """Return problems as sentences by field."""
    by_field: dict[str, list[object]] = {}
    for row in found:
        by_field.setdefault(row.field, []).append(problem(row))
    return by_field


def failure(error: TemplateApiError) -> str:
    """Return what a refusal of the provider means, with its own words where it gave some."""
    if error.subcode in SUBCODES:
        return str(SUBCODES[error.subcode][1])
    return failure_of(error.kind, error.said if error.kind == "refused" else "")


def failure_of(kind: str, said: str = "") -> str:
    """Return what a kind of failure means."""
    text = str(FAILURES.get(kind, FAILURES["refused"]))
    return f"{text} ({said})" if said else text


def reason(text: str) -> str:
    """Return why the provider did something; its own recommendation follows a colon."""
    code, _colon, more = text.partition(": ")
    known = str(REASONS.get(code, code))
    return f"{known} {more}".strip()


def headline(name: str, status: str, *, others: int = 0) -> str:
    """Return a sentence about a template that cannot be sent any more."""
    sentences: dict[str, Any] = {
        _S.PAUSED: _("WhatsApp paused the template %(name)s"),
        _S.REJECTED: _("WhatsApp rejected the template %(name)s"),
        _S.DISABLED: _("WhatsApp disabled the template %(name)s"),
    }
    text = str(sentences.get(status, "%(name)s")) % {"name": name}
    more = ngettext("and %(count)s more", "and %(count)s more", others) % {"count": others} if others else ""
    return f"{text} {more}".strip()
