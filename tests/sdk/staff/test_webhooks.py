"""Webhook endpoints: registered, changed, signed for, and told of events that the SDK verifies."""

import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from orderbase import Conflict, InvalidRequest, NotFound, WebhookRefused, webhooks
from orderbase.staff import AsyncStaff, NewWebhookEndpoint, WebhookEndpoint
from tests.sdk.staff.conftest import Owner
from tests.waiting import until
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def created(staff: AsyncStaff, receiver: Receiver) -> AsyncIterator[NewWebhookEndpoint]:
    """An endpoint that is told of tests only."""
    created = await staff.webhooks.create(receiver.url, event_types=["image.processed"])
    yield created
    with suppress(NotFound):  # the test has done it
        await staff.webhooks.remove(created.id)


async def arrive(receiver: Receiver, many: int) -> None:
    async def arrived() -> bool:
        return len(receiver.bodies) >= many

    await until(arrived, 20)


async def test_an_endpoint_is_as_its_row(
    staff: AsyncStaff, owner: Owner, created: NewWebhookEndpoint, receiver: Receiver
) -> None:
    endpoint = await staff.webhooks.get(created.id)
    query = "select * from public.webhook_endpoints where id = %s"
    [row] = owner.execute(query, (created.id,)).fetchall()
    row["event_types"] = tuple(row["event_types"])
    assert endpoint.model_dump() == {name: row[name] for name in WebhookEndpoint.model_fields}
    assert (endpoint.url, endpoint.active) == (receiver.url, True)
    assert endpoint in await staff.webhooks.list()


async def test_a_secret_is_not_printed(staff: AsyncStaff, created: NewWebhookEndpoint) -> None:
    rotated = await staff.webhooks.rotate_secret(created.id)
    for holder, secret in ((created, created.secret), (rotated, rotated)):
        text = secret.get_secret_value()
        assert text.startswith("whsec_")
        for shown in (repr(holder), str(holder), f"{holder}", created.model_dump_json()):
            assert text not in shown


async def test_what_is_sent_verifies_with_both_secrets_while_they_overlap(
    staff: AsyncStaff, created: NewWebhookEndpoint, receiver: Receiver
) -> None:
    rotated = await staff.webhooks.rotate_secret(created.id, overlap=timedelta(hours=1))
    delivery = await staff.webhooks.test(created.id)
    assert (delivery.type, delivery.endpoint_id) == ("webhook.test", created.id)
    await arrive(receiver, 1)
    for secret in (created.secret, rotated):
        event = webhooks.verify(receiver.bodies[0], receiver.headers[0], secret.get_secret_value())
        assert (event.id, event.type) == (delivery.webhook_id, "webhook.test")


async def test_without_an_overlap_only_the_new_secret_signs(
    staff: AsyncStaff, created: NewWebhookEndpoint, receiver: Receiver
) -> None:
    rotated = await staff.webhooks.rotate_secret(created.id, overlap=timedelta())
    await staff.webhooks.test(created.id)
    await arrive(receiver, 1)
    webhooks.verify(receiver.bodies[0], receiver.headers[0], rotated.get_secret_value())
    old = created.secret.get_secret_value()
    with pytest.raises(WebhookRefused):
        webhooks.verify(receiver.bodies[0], receiver.headers[0], old)


@pytest.mark.parametrize(
    "overlap", [timedelta(hours=169), timedelta(hours=-1), timedelta(minutes=90), timedelta.max]
)
async def test_an_overlap_is_whole_hours_up_to_a_week(
    staff: AsyncStaff, created: NewWebhookEndpoint, overlap: timedelta
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await staff.webhooks.rotate_secret(created.id, overlap=overlap)
    assert refusal.value.code == "invalid_overlap"


async def test_only_what_is_said_changes(staff: AsyncStaff, created: NewWebhookEndpoint) -> None:
    before = await staff.webhooks.get(created.id)
    said = await staff.webhooks.change(created.id, description="Shipping")
    assert said.description == "Shipping"
    assert (said.url, said.event_types) == (before.url, before.event_types)
    told = await staff.webhooks.change(
        created.id, url=f"{before.url}/b", event_types=["order.paid", "order.cancelled"]
    )
    assert (told.url, told.description) == (f"{before.url}/b", "Shipping")
    assert told.event_types == ("order.cancelled", "order.paid")
    assert await staff.webhooks.get(created.id) == told


async def test_an_endpoint_is_disabled_and_enabled(
    staff: AsyncStaff, created: NewWebhookEndpoint
) -> None:
    for _ in range(2):
        disabled = await staff.webhooks.disable(created.id)
        assert (disabled.active, disabled.disabled_reason) == (False, "staff")
    with pytest.raises(Conflict) as refusal:
        await staff.webhooks.test(created.id)
    assert refusal.value.code == "webhook_endpoint_disabled"
    for _ in range(2):
        assert (await staff.webhooks.enable(created.id)).active


async def test_a_deleted_endpoint_is_gone(staff: AsyncStaff, created: NewWebhookEndpoint) -> None:
    delivery = await staff.webhooks.test(created.id)
    await staff.webhooks.remove(created.id)
    assert created.id not in {endpoint.id for endpoint in await staff.webhooks.list()}
    for attempt in (staff.webhooks.get(created.id), staff.webhooks.remove(created.id)):
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "webhook_endpoint_not_found"
    [kept] = await staff.webhooks.deliveries.list(created.id)
    assert kept.id == delivery.id


async def test_events_have_the_names_that_endpoints_ask_for(staff: AsyncStaff) -> None:
    event_types = await staff.webhooks.event_types()
    assert {"order.placed", "order.paid", "image.processed"} <= set(event_types)
    assert event_types == sorted(event_types)


async def test_an_endpoint_that_will_not_do_is_refused(staff: AsyncStaff) -> None:
    for url, event_types, description, code in (
        ("http://example.com/", ["*"], "", "invalid_webhook_url"),
        ("https://example.com/", ["order.eaten"], "", "unknown_event_type"),
        ("https://example.com/", [], "", "unknown_event_type"),
        ("https://example.com/", ["*"], "x" * 501, "invalid_description"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await staff.webhooks.create(url, event_types=event_types, description=description)
        assert refusal.value.code == code


def about_an_endpoint(staff: AsyncStaff, endpoint: UUID | str) -> list[object]:
    hooks = staff.webhooks
    return [
        hooks.get(endpoint),
        hooks.change(endpoint, description="x"),
        hooks.rotate_secret(endpoint),
        hooks.enable(endpoint),
        hooks.disable(endpoint),
        hooks.remove(endpoint),
        hooks.test(endpoint),
        hooks.deliveries.list(endpoint),
        hooks.deliveries.replay(endpoint, after="0-0"),
    ]


async def test_there_is_no_such_endpoint(staff: AsyncStaff) -> None:
    for attempt in about_an_endpoint(staff, uuid4()):
        assert inspect.isawaitable(attempt)
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "webhook_endpoint_not_found"
    for attempt in about_an_endpoint(staff, "seven"):
        assert inspect.isawaitable(attempt)
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == "invalid_endpoint_id"
