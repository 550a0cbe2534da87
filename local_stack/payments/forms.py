"""Stripe's form encoding: bracketed names, nested."""

from typing import Any
from urllib.parse import parse_qsl

from local_stack.payments.errors import invalid

Form = dict[str, Any]
"""Nested strings, as `a[b]=c` is `{"a": {"b": "c"}}`; lists are keyed by their index."""

_MAX_FIELDS = 500
_MAX_DEPTH = 5
_SHOWN = 100


def parse_form(text: str) -> Form:
    """Nest a form-encoded body or query string.

    Raises:
        StripeError: 400, it is not UTF-8, too large, too deep, or names one thing twice.
    """
    form: Form = {}
    try:
        for name, value in parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        ):
            _put(form, name, value)
    except ValueError as error:
        raise invalid(f"Invalid request: {str(error)[:_SHOWN]}") from error
    return form


def _put(form: Form, name: str, value: str) -> None:
    path = [part.removesuffix("]") for part in name.split("[")]
    if len(path) > _MAX_DEPTH:
        raise ValueError("parameters are nested too deeply")
    for part in path[:-1]:
        form = form.setdefault(part, {})
        if not isinstance(form, dict):
            raise ValueError(f"{name} is given both as a value and as a hash")  # noqa: TRY004
    last = path[-1] or str(len(form))
    if last in form:
        raise ValueError(f"{name} is given twice")
    form[last] = value


def without_card_number(form: Form) -> Form:
    """The form as it may be kept: of a card's number the last digits, of its code nothing."""
    card = form.get("card")
    if not isinstance(card, dict):
        return form
    kept = {name: value for name, value in card.items() if name != "cvc"}
    return form | {"card": kept | {"number": str(card.get("number"))[-4:]}}
