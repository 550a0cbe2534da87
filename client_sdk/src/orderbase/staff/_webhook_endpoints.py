"""Webhook endpoints as calls: the requests, and how their answers are read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from pydantic import ConfigDict, JsonValue, SecretStr, TypeAdapter

from orderbase._call import Call, one, rpc, select
from orderbase._ids import as_uuid
from orderbase.errors import InvalidRequest
from orderbase.models.base import DEFERRED
from orderbase.staff._columns import columns_of
from orderbase.staff._webhook_models import NewWebhookEndpoint, WebhookDelivery, WebhookEndpoint

T = TypeVar("T")

_HOUR = timedelta(hours=1)
# A message about an answer that cannot be read would show the secret in it.
_SECRETIVE = ConfigDict(defer_build=True, hide_input_in_errors=True)

_ENDPOINTS = TypeAdapter(list[WebhookEndpoint], config=DEFERRED)
_NEW_ENDPOINTS = TypeAdapter(tuple[NewWebhookEndpoint], config=_SECRETIVE)
_SECRET = TypeAdapter(SecretStr, config=_SECRETIVE)
_EVENT_TYPES = TypeAdapter(list[str], config=DEFERRED)
_COLUMNS = columns_of(WebhookEndpoint)
_NOT_DELETED = {"disabled_reason": "isdistinct.deleted"}


def list_endpoints() -> Call[list[WebhookEndpoint]]:
    params = _NOT_DELETED | {"order": "created_at,id"}
    return select("webhook_endpoints", _ENDPOINTS.validate_json, _COLUMNS, params)


def get_endpoint(endpoint_id: UUID | str) -> Call[WebhookEndpoint]:
    parse = one(_ENDPOINTS, "webhook_endpoint_not_found", "There is no such endpoint.")
    params = _NOT_DELETED | {"id": f"eq.{as_uuid(endpoint_id, 'endpoint_id')}"}
    return select("webhook_endpoints", parse, _COLUMNS, params)


def create_endpoint(
    url: str, event_types: Sequence[str], description: str
) -> Call[NewWebhookEndpoint]:
    def parse(content: bytes) -> NewWebhookEndpoint:
        return _NEW_ENDPOINTS.validate_json(content)[0]

    arguments: dict[str, JsonValue] = {
        "url": url,
        "event_types": list(event_types),
        "description": description,
    }
    return rpc("create_webhook_endpoint", parse, arguments, repeatable=False)


def change_endpoint(
    endpoint_id: UUID | str,
    url: str | None,
    event_types: Sequence[str] | None,
    description: str | None,
) -> Call[WebhookEndpoint]:
    arguments: dict[str, JsonValue] = {
        "url": url,
        "event_types": None if event_types is None else list(event_types),
        "description": description,
    }
    return _about(
        endpoint_id, "update_webhook_endpoint", WebhookEndpoint.model_validate_json, arguments
    )


def rotate_secret(endpoint_id: UUID | str, overlap: timedelta) -> Call[SecretStr]:
    hours, rest = divmod(overlap, _HOUR)
    if rest:
        raise InvalidRequest("Secrets overlap for whole hours.", code="invalid_overlap")
    # A second one would end the first, which nobody has seen, and the one that still signs.
    return _about(
        endpoint_id,
        "rotate_webhook_secret",
        _SECRET.validate_json,
        {"overlap_hours": hours},
        repeatable=False,
    )


def list_event_types() -> Call[list[str]]:
    return rpc("webhook_event_types", _EVENT_TYPES.validate_json, {})


def set_endpoint(endpoint_id: UUID | str, verb: str) -> Call[WebhookEndpoint]:
    return _about(endpoint_id, verb, WebhookEndpoint.model_validate_json)


def delete_endpoint(endpoint_id: UUID | str) -> Call[None]:
    # The second time there is none any more.
    return _about(endpoint_id, "delete_webhook_endpoint", _nothing, repeatable=False)


def test_endpoint(endpoint_id: UUID | str) -> Call[WebhookDelivery]:
    parse = WebhookDelivery.model_validate_json
    return _about(endpoint_id, "test_webhook_endpoint", parse, repeatable=False)


def _about(
    endpoint_id: UUID | str,
    verb: str,
    parse: Callable[[bytes], T],
    arguments: Mapping[str, JsonValue] | None = None,
    *,
    repeatable: bool = True,
) -> Call[T]:
    known = {"endpoint_id": str(as_uuid(endpoint_id, "endpoint_id"))}
    return rpc(verb, parse, {**known, **(arguments or {})}, repeatable=repeatable)


def _nothing(_content: bytes) -> None:
    """It has no result."""
