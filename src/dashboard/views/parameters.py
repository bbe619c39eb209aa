"""A form for a pipeline's parameters, from the schema that Prefect has of them."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import json
from typing import Any

import streamlit as st


def form(pipeline: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Draws the fields; gives back the values that were set, and what is wrong with them."""
    schema = pipeline.get("parameter_openapi_schema") or {}
    fields: dict[str, Any] = schema.get("properties") or {}
    declared = pipeline.get("parameters") or {}
    required = set(schema.get("required") or [])
    if not fields:
        st.caption("This pipeline takes no parameters.")
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name in sorted(fields, key=lambda each: fields[each].get("position", 0)):
        default = declared.get(name, fields[name].get("default"))
        given = _field(f"{pipeline['id']}-{name}", name, fields[name], default, name in required)
        try:
            value = convert(given, kinds(fields[name]), required=name in required)
        except ValueError as error:
            problems.append(f"{name}: {error}.")
            continue
        if value != default:
            values[name] = value
    return values, problems


def kinds(field: dict[str, Any]) -> set[str]:
    """JSON types that a parameter takes."""
    options = field.get("anyOf") or field.get("oneOf") or [field]
    return {str(each.get("type", "any")) for each in options}


def _field(key: str, name: str, field: dict[str, Any], default: Any, required: bool) -> Any:
    help_text = field.get("description")
    types = kinds(field)
    choices = field.get("enum")
    if choices:
        return st.selectbox(name, choices, index=choices.index(default) if default in choices else 0, key=key)
    if types == {"boolean"}:
        return st.checkbox(name, value=bool(default), key=key, help=help_text)
    shown = "" if default is None else default if isinstance(default, str) else json.dumps(default)
    hint = "required" if required and default is None else "empty: the default" if default is None else None
    return st.text_input(name, value=shown, placeholder=hint, key=key, help=help_text)


def convert(given: Any, types: set[str], *, required: bool) -> Any:
    """What somebody typed as the type that the parameter takes. Raises ValueError that says what is expected."""
    if not isinstance(given, str):
        return given
    text = given.strip()
    if text == "":
        if required and "null" not in types:
            raise ValueError("a value is needed")
        return None
    if "string" in types:
        return text
    if "integer" in types:
        return _as(int, text, "a whole number")
    if "number" in types:
        return _as(float, text, "a number")
    if "boolean" in types and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _as(json.loads, text, "JSON")


def _as(make: Any, text: str, expected: str) -> Any:
    try:
        return make(text)
    except ValueError:
        raise ValueError(f"expected {expected}, received {text!r}") from None
