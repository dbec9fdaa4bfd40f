"""Examples for the API's description, made from the schemas: by example, by name, by type."""

from __future__ import annotations

from typing import Any, Final

_DEPTH_MAX: Final = 6
_BY_NAME: Final[dict[str, Any]] = {
    "email": "ana@clinica-aurora.example",
    "full_name": "Ana Souza",
    "name": "Clínica Aurora",
    "slug": "clinica-aurora",
    "timezone": "America/Sao_Paulo",
    "language": "pt-br",
    "currency": "BRL",
    "password": "Troque-isto-1",
    "new_password": "Troque-isto-2",
    "phone": "+5511987654321",
    "text": "Olá! Como posso ajudar?",
    "next_cursor": None,
}
_BY_FORMAT: Final[dict[str, Any]] = {
    "uuid": "01939f2b-6c2e-7c60-a7d8-f6a1b2c3d4e5",
    "date-time": "2026-11-20T14:03:00Z",
    "date": "2026-11-20",
    "email": "ana@clinica-aurora.example",
    "uri": "https://example.com/",
    "decimal": "10.0000",
}
_BY_TYPE: Final[dict[str, Any]] = {"string": "texto", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, name: str = "", depth: int = 0) -> Any:
    """Return a value that fits the schema."""
    if "$ref" in schema:
        target = schemas.get(schema["$ref"].rpartition("/")[2], {})
        return example_of(target, schemas, name=name, depth=depth + 1)
    for given in (schema.get("examples"), schema.get("enum")):
        if given:
            return next((value for value in given if value not in ("", None)), given[0])
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    for choice in ("allOf", "oneOf", "anyOf"):
        if schema.get(choice):
            return example_of(schema[choice][0], schemas, name=name, depth=depth + 1)
    return _by_shape(schema, schemas, name=name, depth=depth)


def _by_shape(schema: dict[str, Any], schemas: dict[str, Any], *, name: str, depth: int) -> Any:
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else next((item for item in kinds if item != "null"), "null")
    if kind == "object":
        if depth > _DEPTH_MAX:
            return {}
        return {
            key: example_of(inner, schemas, name=key, depth=depth + 1)
            for key, inner in schema.get("properties", {}).items()
        }
    if kind == "array":
        inner = schema.get("items", {})
        return [example_of(inner, schemas, name=name, depth=depth + 1)] if inner and depth <= _DEPTH_MAX else []
    if name in _BY_NAME and kind == "string":
        return _BY_NAME[name]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    if kind in {"integer", "number"}:
        return schema.get("minimum", _BY_TYPE[kind])
    return _BY_TYPE.get(kind, "texto")
