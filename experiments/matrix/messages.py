"""Pydantic's errors in the words of matrix.yaml: what was found, what is allowed, what to do."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from experiments.errors import quote, shorten, suggest
from experiments.matrix.yaml_document import Document, Finding, YamlPath

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")
_ADVICE = {
    "int_type": "is not an integer (expected for example 20)",
    "int_from_float": "is not an integer (expected for example 20)",
    "float_type": "is not a number (expected for example 0.25)",
    "finite_number": "is not finite (expected for example 0.25)",
    "greater_than_equal": "is too small: write {ge} or more",
    "greater_than": "is too small: write more than {gt:g}",
    "less_than_equal": "is too large: write {le:,.0f} or less",
    "too_short": "is empty: name at least one",
    "tuple_type": "is not a list: write [one, two] or one '- ' per line",
    "dict_type": "is not a mapping: write 'name: value' below it",
    "mapping_type": "is not a mapping: write 'name: value' below it",
    "dataclass_type": "is not a mapping: write 'name: value' below it",
    "literal_error": "is not valid (expected {expected})",
}


def describe_errors(error: ValidationError, adapter: TypeAdapter[Any], document: Document) -> list[Finding]:
    """Translate every error; the known keys come from the models' own schema."""
    details = error.errors(include_url=False)
    paths = [_place(one["loc"]) for one in details]
    schema = adapter.json_schema()
    # Where an inner item is wrong too, pydantic drops it and reports too few items.
    outer = {path[:length] for path in paths for length in range(len(path))}
    return [
        Finding(path, _describe(one, path, schema, document))
        for one, path in zip(details, paths, strict=True)
        if not (one["type"] == "too_short" and path in outer)
    ]


def _place(location: YamlPath) -> YamlPath:
    """Return the path of an error; that of a bad key is the key's."""
    return location[:-1] if location[-1:] == ("[key]",) else location


def _describe(error: ErrorDetails, path: YamlPath, schema: Mapping[str, Any], document: Document) -> str:
    kind = error["type"]
    if kind in _UNKNOWN_KEY:
        return f"unknown key {suggest(path[-1], _keys_at(schema, path[:-1]))}"
    if kind == "missing":
        return "is missing: add it"
    context = error.get("ctx", {})
    found = describe_value(document, path, error["input"])
    if kind == "unknown":
        return f"unknown {context['kind']} {found} {context['suggestion']}"
    advice = context["text"] if kind == "matrix" else _ADVICE.get(kind, error["msg"]).format(**context)
    return f"{found} {advice}"


def describe_value(document: Document, path: YamlPath, value: object) -> str:
    """Name what was found, as it is written in the file."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "this list"
    if isinstance(value, Mapping):
        return "this entry"
    return shorten(document.texts.get(path, "")) or "an empty value"


def _keys_at(schema: Mapping[str, Any], path: YamlPath) -> list[str]:
    """Follow a path through a JSON Schema to the names of the keys that may stand there."""
    here = schema
    for step in (*path, None):
        # What may be left out is either itself or nothing.
        here = next((one for one in here.get("anyOf", ()) if "$ref" in one), here)
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
        if isinstance(step, int):
            here = here["items"]
        elif step is not None:
            here = here["properties"][step] if "properties" in here else here["additionalProperties"]
    return list(here.get("properties", {}))
