"""As much of JSON Schema as our OpenAPI document uses."""

from datetime import datetime
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "null": type(None),
}


def faults(document: dict[str, Any], schema: dict[str, Any], value: Any, at: str = "") -> list[str]:
    """What of the value is not as the schema has it."""
    if "$ref" in schema:
        return faults(document, resolved(document, schema["$ref"]), value, at)
    if "oneOf" in schema:
        fitting = [each for each in schema["oneOf"] if not faults(document, each, value)]
        return [] if len(fitting) == 1 else [f"{at}: {len(fitting)} of oneOf fit"]
    found = _own_faults(schema, value, at)
    if isinstance(value, dict):
        found += _of_object(document, schema, value, at)
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += faults(document, schema.get("items", {}), item, f"{at}[{index}]")
    return found


def resolved(document: dict[str, Any], reference: str) -> dict[str, Any]:
    found = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def _own_faults(schema: dict[str, Any], value: Any, at: str) -> list[str]:
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(_is(value, name) for name in names):
        return [f"{at}: {value!r} is not {names}"]
    found = []
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is not one of {schema['enum']}")
    if schema.get("format") == "date-time" and value is not None:
        found += [] if datetime.fromisoformat(value).tzinfo else [f"{at}: {value!r} has no zone"]
    return found


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def _of_object(
    document: dict[str, Any], schema: dict[str, Any], value: dict[str, Any], at: str
) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
    if schema.get("additionalProperties") is False:
        found += [f"{at}: {name} is not described" for name in value if name not in known]
    for name in value.keys() & known.keys():
        found += faults(document, known[name], value[name], f"{at}.{name}")
    return found
