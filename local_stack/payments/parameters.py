"""What each endpoint accepts: Stripe's bracketed forms, checked, or refused in Stripe's words."""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from local_stack.payments.currencies import CURRENCIES
from local_stack.payments.errors import StripeError, invalid
from local_stack.payments.forms import Form
from local_stack.payments.ledger import LAST

EXPANDABLE = {
    "latest_charge": "charge",
    "charge": "charge",
    "payment_intent": "payment_intent",
    "balance_transaction": "balance_transaction",
    "failure_balance_transaction": "balance_transaction",
    "payment_method": "payment_method",
}
"""Fields that hold an id, and the kind of object it is of."""

_SHOWN = 100
_MAX_AMOUNT = 99_999_999


def _integer(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise PydanticCustomError(
            "parameter_invalid_integer", "Invalid integer: {value}", {"value": str(value)[:_SHOWN]}
        )
    return int(value)


def _flag(value: object) -> bool:
    if value not in ("true", "false"):
        raise PydanticCustomError("", "Invalid boolean: {value}", {"value": str(value)[:_SHOWN]})
    return value == "true"


def _off_session(value: object) -> bool:
    return value in ("one_off", "recurring") or _flag(value)


def _items(value: object) -> object:
    return list(value.values()) if isinstance(value, dict) else value


def _range(value: object) -> object:
    return {"gte": value, "lte": value} if isinstance(value, str) else value


def _currency(value: str) -> str:
    if value.lower() not in CURRENCIES:
        raise PydanticCustomError("", "Invalid currency: {value}", {"value": value[:_SHOWN]})
    return value.lower()


def _expandable(name: str) -> str:
    field = name.removeprefix("data.")
    if field not in EXPANDABLE:
        raise PydanticCustomError(
            "", "This property cannot be expanded ({name}).", {"name": field[:_SHOWN]}
        )
    return field


Integer = Annotated[int, BeforeValidator(_integer)]
Flag = Annotated[bool, BeforeValidator(_flag)]
OffSession = Annotated[bool, BeforeValidator(_off_session)]
Amount = Annotated[Integer, Field(ge=1, le=_MAX_AMOUNT)]
Text = Annotated[str, Field(max_length=5000)]
Currency = Annotated[Text, AfterValidator(_currency)]
Expand = Annotated[
    list[Annotated[str, AfterValidator(_expandable)]],
    Field(max_length=20),
    BeforeValidator(_items),
]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]],
    AfterValidator(lambda pairs: {name: value for name, value in pairs.items() if value}),
    Field(max_length=50),
]
Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


class Parameters(BaseModel):
    """What every endpoint takes."""

    model_config = ConfigDict(extra="forbid")
    expand: Expand = []


class AutomaticMethods(BaseModel):
    model_config = ConfigDict(extra="forbid")
    enabled: Flag
    allow_redirects: Literal["always", "never"] = "always"


class Confirm(Parameters):
    payment_method: Text | None = None
    off_session: OffSession = False
    error_on_requires_action: Flag = False
    return_url: Text | None = None
    use_stripe_sdk: Flag = False


class Create(Confirm):
    amount: Amount
    currency: Currency
    confirm: Flag = False
    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic_async"
    automatic_payment_methods: AutomaticMethods | None = None
    payment_method_types: Annotated[list[Literal["card"]] | None, BeforeValidator(_items)] = None
    metadata: Metadata = {}
    description: Text | None = None
    receipt_email: Text | None = None
    shipping: Form | None = None
    statement_descriptor: Annotated[str, Field(max_length=22)] | None = None
    statement_descriptor_suffix: Annotated[str, Field(max_length=22)] | None = None
    transfer_group: Text | None = None


class Capture(Parameters):
    amount_to_capture: Amount | None = None


class Cancel(Parameters):
    cancellation_reason: Reason | Literal["abandoned"] | None = None


class CardDetails(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: SecretStr
    exp_month: Integer
    exp_year: Integer
    cvc: SecretStr | None = None


class BillingDetails(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: Form | None = None
    email: Text | None = None
    name: Text | None = None
    phone: Text | None = None


class CreatePaymentMethod(Parameters):
    type: Literal["card"]
    card: CardDetails
    billing_details: BillingDetails = BillingDetails()
    metadata: Metadata = {}


class CreateRefund(Parameters):
    payment_intent: Text | None = None
    charge: Text | None = None
    amount: Amount | None = None
    reason: Reason | None = None
    metadata: Metadata = {}


class CreatedRange(BaseModel):
    """Bounds on the creation time, in seconds since 1970."""

    model_config = ConfigDict(extra="forbid")
    gt: Integer | None = None
    gte: Integer | None = None
    lt: Integer | None = None
    lte: Integer | None = None

    def bounds(self) -> tuple[int, int]:
        """The first and the last second within."""
        first = max(0, self.gte or 0, 0 if self.gt is None else self.gt + 1)
        last = min(LAST if self.lte is None else self.lte, LAST if self.lt is None else self.lt - 1)
        return first, last


class Listing(Parameters):
    """A page of a list, newest first."""

    limit: Annotated[Integer, Field(ge=1, le=100)] = 10
    starting_after: Text | None = None
    created: Annotated[CreatedRange, BeforeValidator(_range)] = CreatedRange()


class ListingOfIntent(Listing):
    payment_intent: Text | None = None


class Search(Parameters):
    query: Text
    limit: Annotated[Integer, Field(ge=1, le=100)] = 10
    page: Annotated[Integer, Field(ge=1)] | None = None


Model = TypeVar("Model", bound=Parameters)


def check(model: type[Model], form: Form) -> Model:
    """The form as the endpoint's parameters.

    Raises:
        StripeError: 400 about the first parameter that does not fit.
    """
    try:
        return model.model_validate(form)
    except ValidationError as failure:
        raise _refusal(failure.errors()[0]) from failure


def _refusal(error: ErrorDetails) -> StripeError:
    first, *rest = (str(part) for part in error["loc"] if part != "[key]")
    param = first[:_SHOWN] + "".join(f"[{part[:_SHOWN]}]" for part in rest)
    bounds = error.get("ctx", {})
    message, code = {
        "missing": (f"Missing required param: {param}.", "parameter_missing"),
        "extra_forbidden": (f"Received unknown parameter: {param}", "parameter_unknown"),
        "literal_error": (f"Invalid {param}: must be {bounds.get('expected')}", None),
        "greater_than_equal": (
            f"This value must be greater than or equal to {bounds.get('ge')}.",
            "parameter_invalid_integer",
        ),
        "less_than_equal": (
            f"This value must be less than or equal to {bounds.get('le')}.",
            "amount_too_large" if "amount" in param else "parameter_invalid_integer",
        ),
        "parameter_invalid_integer": (error["msg"], "parameter_invalid_integer"),
    }.get(error["type"], (error["msg"], None))
    return invalid(message, code=code, param=param)
