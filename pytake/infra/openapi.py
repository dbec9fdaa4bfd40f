"""The API's description (OpenAPI 3.1): what every route must say, and what is said for all alike.

The summary of a route is the first line of its method's docstring, the description the rest; inherited
methods are described in the view's `route_docs` ({action: "Summary.\n\nDescription."}).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiYamlRenderer

from pytake.infra import openapi_examples

METHODS: Final = ("get", "post", "put", "patch", "delete")
ERROR: Final = {"$ref": "#/components/schemas/Error"}
ERROR_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "type", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "Stable, English.", "examples": ["VALIDATION_ERROR"]},
                "message": {"type": "string", "description": "For people, in their language."},
                "type": {
                    "type": "string",
                    "enum": [
                        "validation", "authentication", "permission", "not_found", "conflict", "limit", "plan",
                        "provider", "server",
                    ],
                },
                "details": {"type": "object", "additionalProperties": True},
                "request_id": {"type": "string", "examples": ["req_01939f2b6c2e7c60a7d8f6a1b2c3d4e5"]},
            },
        }
    },
}  # fmt: skip
_MEANINGS: Final = {
    "400": ("VALIDATION_ERROR", "validation", "Malformed or invalid input."),
    "401": ("AUTH_MISSING_TOKEN", "authentication", "No or bad credentials."),
    "402": ("PLAN_LIMIT_REACHED", "plan", "The plan is used up."),
    "403": ("AUTH_INSUFFICIENT_PERMISSION", "permission", "Not allowed."),
    "404": ("NOT_FOUND", "not_found", "Unknown, or another organization's."),
    "409": ("INVALID_TRANSITION", "conflict", "The present state forbids it, or the idempotency key is in use."),
    "429": ("RATE_LIMITED", "limit", "Too many requests; see Retry-After."),
}
_PUBLIC: Final = "public"


class DocumentedSchema(AutoSchema):
    """Derives what can be derived: summary, roles, error answers, idempotency key."""

    def get_summary(self) -> str:
        """Return the first line of the route's docstring."""
        return str(self._doc().partition("\n")[0].rstrip("."))

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular does
        """Return the rest of the docstring and who may call."""
        rest = self._doc().partition("\n")[2].strip()
        return "\n\n".join(part for part in (rest or self.get_summary() + ".", self._who()) if part)

    def get_tags(self) -> list[str]:
        """Group by the first segment of the path."""
        first = self.path.removeprefix("/api/v1").strip("/").split("/")[0]
        return [str(getattr(self.view, "schema_tag", "") or first or "api")]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Add the errors that any route of this kind may answer."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        if not self._needed():
            operation["x-undeclared"] = True
        responses = operation["responses"]
        for status in self._usual_errors(operation):
            responses.setdefault(status, _error_response(status))
        operation["responses"] = dict(sorted(responses.items()))
        if self.method == "POST" and self._needed() != _PUBLIC:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        return operation

    def _doc(self) -> str:
        name = getattr(self.view, "action", None) or self.method.lower()
        docs: dict[str, str] = getattr(self.view, "route_docs", {})
        if name in docs:
            return inspect.cleandoc(docs[name])
        method = getattr(self.view, name, None)
        module = getattr(method, "__module__", "")
        return "" if module.startswith(("rest_framework", "django")) else inspect.getdoc(method) or ""

    def _needed(self) -> str:
        table: dict[str, str] = getattr(self.view, "route_permissions", {})
        return table.get(getattr(self.view, "action", "") or "") or table.get(self.method.lower()) or ""

    def _who(self) -> str:
        needed = self._needed()
        known = {
            _PUBLIC: "Open to everybody.",
            "member": "For anybody signed in.",
            "super": "For platform operators.",
            "": "",
        }
        return known.get(needed, f"Needs the permission `{needed}`.")

    def _usual_errors(self, operation: dict[str, Any]) -> Iterator[str]:
        if "requestBody" in operation or any(item["in"] == "query" for item in operation.get("parameters", [])):
            yield "400"
        if self._needed() != _PUBLIC:
            yield from ("401", "403")
        if any(item["in"] == "path" for item in operation.get("parameters", [])):
            yield "404"
        if self.method == "POST" and self._needed() != _PUBLIC:
            yield "409"
        yield "429"


_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating the request with the same key within 24 hours gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}


def _error_response(status: str) -> dict[str, Any]:
    code, kind, meaning = _MEANINGS[status]
    example = {
        "error": {
            "code": code,
            "message": meaning,
            "type": kind,
            "details": {"fields": {"name": ["…"]}} if status == "400" else {},
            "request_id": "req_01939f2b6c2e7c60a7d8f6a1b2c3d4e5",
        }
    }
    return {"description": meaning, "content": {"application/json": {"schema": ERROR, "example": example}}}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """Describes bearer tokens."""

    target_class = "pytake.accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from `/api/v1/auth/login`, or an API token `pt_…`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """Describes the pages' cookie."""

    target_class = "pytake.accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of the pages; unsafe methods also need the `X-CSRFToken` header.",
        }


def complete(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:
    """Finish the document (drf-spectacular's post-processing hook): the error schema, examples everywhere."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Error"] = ERROR_SCHEMA
    for _path, _method, operation in operations(result):
        contents = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in contents:
            for media in content.get("content", {}).values():
                if "example" not in media and "examples" not in media and "schema" in media:
                    media["example"] = openapi_examples.example_of(media["schema"], schemas)
    return result


def document() -> dict[str, Any]:
    """Return the API's description as it is now, in English whoever asks."""
    generator: Any = SchemaGenerator
    with translation.override("en"):
        found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


def as_yaml(description: dict[str, Any]) -> str:
    """Return a description as it is committed."""
    renderer: Any = OpenApiYamlRenderer()
    return str(renderer.render(description, renderer_context={}).decode())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path, method, operation) of a document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def gaps(document: dict[str, Any]) -> list[str]:
    """Name every route that does not say enough."""
    return [
        f"{method.upper()} {path}: {gap}"
        for path, method, operation in operations(document)
        for gap in _gaps_of(operation)
    ]


def _gaps_of(operation: dict[str, Any]) -> Iterator[str]:
    for part in ("summary", "description"):
        if not operation.get(part):
            yield f"no {part}"
    if operation.get("x-undeclared"):
        yield "no route_permissions entry"
    responses = operation.get("responses", {})
    successes = [code for code in responses if code.startswith(("2", "3"))]
    if not successes:
        yield "no successful response"
    for code in successes:
        contents = responses[code].get("content", {})
        if code != "204" and not contents:
            yield f"response {code} has no content"
        if any(_is_vague(media) for media in contents.values()):
            yield f"response {code} has no schema or no example"
    if any(_is_vague(media) for media in operation.get("requestBody", {}).get("content", {}).values()):
        yield "the request body has no schema or no example"


def _is_vague(media: dict[str, Any]) -> bool:
    return not media.get("schema") or ("example" not in media and "examples" not in media)
