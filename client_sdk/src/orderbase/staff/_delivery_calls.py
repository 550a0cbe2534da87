"""Webhook deliveries as calls: the requests, and how their answers are read."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._call import Call, one, rpc, select
from orderbase._filters import compared, moment
from orderbase._ids import as_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import Page
from orderbase.models.base import DEFERRED, Model
from orderbase.staff._columns import columns_of
from orderbase.staff._webhook_models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryStatus,
)


class _AttemptsOf(Model, frozen=True):
    """A delivery's: so one that there is not, and one that was not tried yet, differ."""

    attempts: list[WebhookAttempt]


_DELIVERIES = TypeAdapter(list[WebhookDelivery], config=DEFERRED)
_ATTEMPTS_OF = TypeAdapter(list[_AttemptsOf], config=DEFERRED)
_IDS = TypeAdapter(list[object], config=DEFERRED)
_COUNT = TypeAdapter(int, config=DEFERRED)
_COLUMNS = columns_of(WebhookDelivery)
_ATTEMPT_COLUMNS = columns_of(WebhookAttempt)
_NEWEST: Listing[WebhookDelivery] = Listing(
    "webhook_deliveries", (Key("id", descending=True),), lambda delivery: (delivery.id,)
)
_NO_DELIVERY = ("webhook_delivery_not_found", "There is no such delivery.")


def list_deliveries(
    endpoint_id: UUID | str,
    status: WebhookDeliveryStatus | None,
    limit: int,
    after: str | None,
) -> Call[Page[WebhookDelivery]]:
    conditions = [compared("endpoint_id", "eq", as_uuid(endpoint_id, "endpoint_id"))]
    if status is not None:
        conditions.append(compared("status", "eq", status))
    source = ("webhook_deliveries", _COLUMNS)
    return _NEWEST.call(source, _DELIVERIES, conditions, limit, after)


def find_endpoint(endpoint_id: UUID | str) -> Call[object]:
    """Also one that is deleted: its deliveries stay for a while."""
    parse = one(_IDS, "webhook_endpoint_not_found", "There is no such endpoint.")
    params = {"id": f"eq.{as_uuid(endpoint_id, 'endpoint_id')}"}
    return select("webhook_endpoints", parse, "id", params)


def get_delivery(delivery_id: int) -> Call[WebhookDelivery]:
    parse = one(_DELIVERIES, *_NO_DELIVERY)
    return select("webhook_deliveries", parse, _COLUMNS, {"id": f"eq.{delivery_id}"})


def list_attempts(delivery_id: int) -> Call[list[WebhookAttempt]]:
    delivery = one(_ATTEMPTS_OF, *_NO_DELIVERY)

    def parse(content: bytes) -> list[WebhookAttempt]:
        return delivery(content).attempts

    params = {"id": f"eq.{delivery_id}", "attempts.order": "number"}
    columns = f"attempts:webhook_attempts({_ATTEMPT_COLUMNS})"
    return select("webhook_deliveries", parse, columns, params)


def redeliver(delivery_id: int) -> Call[WebhookDelivery]:
    parse = WebhookDelivery.model_validate_json
    return rpc("redeliver_webhook", parse, {"delivery_id": delivery_id}, repeatable=False)


def discard(delivery_id: int) -> Call[WebhookDelivery]:
    parse = WebhookDelivery.model_validate_json
    return rpc("discard_webhook", parse, {"delivery_id": delivery_id})


def redeliver_all(
    endpoint_id: UUID | str, since: datetime, until: datetime | None, only_failed: bool
) -> Call[int]:
    arguments: dict[str, JsonValue] = {
        "endpoint_id": str(as_uuid(endpoint_id, "endpoint_id")),
        "since": moment(since, "since"),
        "until": None if until is None else moment(until, "until"),
        "only_failed": only_failed,
    }
    return rpc("redeliver_webhooks", _COUNT.validate_json, arguments, repeatable=False)


def replay(endpoint_id: UUID | str, after: str, until: str | None) -> Call[int]:
    arguments: dict[str, JsonValue] = {
        "endpoint_id": str(as_uuid(endpoint_id, "endpoint_id")),
        "after": after,
        "until": until,
    }
    return rpc("replay_webhooks", _COUNT.validate_json, arguments, repeatable=False)
