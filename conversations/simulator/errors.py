"""Errors as the Graph API words them: one exception, one table of codes with HTTP status and title."""

from __future__ import annotations

import secrets
from typing import Any, Final

# Codes whose HTTP status Meta changed from 429 to 400; the configuration says which one is used.
THROTTLES: Final = frozenset({4, 80007, 130429, 131048, 131056, 133016})

TABLE: Final[dict[int, tuple[int, str]]] = {
    0: (401, "Authentication exception"),
    1: (400, "Invalid request"),
    2: (503, "Service temporarily unavailable"),
    3: (500, "Application does not have the capability to make this API call."),
    4: (400, "Application request limit reached"),
    10: (403, "Application does not have permission for this action"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Error validating access token"),
    200: (403, "Permissions error"),
    368: (403, "Temporarily blocked for policies violations"),
    2500: (400, "Unknown path components"),
    2635: (400, "You are calling a deprecated version of the API."),
    80007: (400, "Rate limit issues"),
    80008: (400, "Rate limit issues"),
    130403: (403, "Business has blocked this user"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country."),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Business Account locked"),
    131037: (400, "WhatsApp provided number needs display name approval before message can be sent."),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Message failed to send because of a number registration error"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: (400, "User's preference is to stop receiving marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131059: (400, "Invalid paging cursor"),
    131062: (400, "Business-scoped user id recipients are not supported for this message"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Template hydrated text too long"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "Template parameters are invalid"),
    133005: (400, "Two step verification PIN mismatch"),
    133006: (400, "Phone number re-verification needed"),
    133010: (400, "Phone number not registered"),
    133016: (400, "Account register deregister rate limit exceeded"),
    135000: (400, "Generic user error"),
    136024: (400, "Failed to request code"),
}


def title(code: int) -> str:
    """Return Meta's short name of an error."""
    return TABLE.get(code, (400, "Unknown error"))[1]


def trace_id() -> str:
    """Return something like a Facebook trace id."""
    return "SIM" + secrets.token_hex(5)


class GraphError(Exception):
    """The request is refused. `details` lands in error_data; without `message` the table's title is used."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        message: str = "",
        http: int = 0,
        subcode: int = 0,
        kind: str = "OAuthException",
        user: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
        self.message = message or f"(#{code}) {title(code)}"
        self.http = http
        self.subcode = subcode
        self.kind = kind
        # Title and text that are meant for people.
        self.user = user

    def status(self, *, throttle_http: int = 400) -> int:
        """Return the HTTP status of the answer."""
        if self.http:
            return self.http
        if self.code in THROTTLES:
            return throttle_http
        return TABLE.get(self.code, (400, ""))[0]

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode:
            error["error_subcode"] = self.subcode
        if self.user[1]:
            error |= {"is_transient": False, "error_user_title": self.user[0], "error_user_msg": self.user[1]}
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = trace_id()
        return {"error": error}


def unknown_object(object_id: str, verb: str = "post") -> GraphError:
    """Return the error for an id that does not exist, or that this token may not see."""
    return GraphError(
        100,
        message=f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation.",
        subcode=33,
        kind="GraphMethodException",
    )


def missing(name: str) -> GraphError:
    """Return the error for an absent parameter of the envelope."""
    return GraphError(100, message=f"(#100) The parameter {name} is required.")


def asynchronous(code: int, details: str = "") -> dict[str, Any]:
    """Return the same error as it stands in a `failed` status or in `messages[].errors`."""
    return {
        "code": code,
        "title": title(code),
        "message": title(code),
        "error_data": {"details": details or title(code)},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }
