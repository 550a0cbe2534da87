from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from postgrest.exceptions import APIError
from realtime.types import RealtimePostgresChangesListenEvent
from supabase import AsyncClient, acreate_client

from tests.conftest import Stack
from tests.end_to_end.conftest import (
    PASSWORD,
    charges,
    final_status,
    new_shopper,
    order_mails,
    place,
    user_of,
)
from tests.waiting import until

NESTED = "id, status, total, items:order_items(product:products(name, price), quantity)"


async def test_an_order_is_charged_shipped_and_mailed(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    order = await place(shopper, new_product(price=700), new_product(price=300))
    assert await final_status(shopper, order) == "completed"
    user = await user_of(shopper)
    mails = await order_mails(stack.settings, user.email)
    assert all(f"order {order['number']}" in mail["Subject"] for mail in mails)
    assert len(mails) == 2
    [charge] = [
        charge
        for charge in await charges(stack.settings)
        if charge["metadata"]["order_id"] == order["id"]
    ]
    assert (charge["amount"], charge["currency"]) == (1000, "eur")


async def test_a_declined_card_ends_the_order_and_frees_its_stock(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    product = new_product(stock=1)
    order = await place(shopper, product, payment_method="pm_card_chargeDeclined")
    assert await final_status(shopper, order) == "payment_failed"
    again = await place(shopper, product)
    assert await final_status(shopper, again) == "completed"
    user = await user_of(shopper)
    mails = await order_mails(stack.settings, user.email)
    assert len(mails) == 3


async def test_the_nested_query_answers_own_orders_newest_first(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    stranger = await new_shopper(stack)
    product = new_product(price=500)
    await place(stranger, product)
    placed = [(await place(shopper, product))["id"] for _ in range(3)]
    user = await user_of(shopper)
    answer = (
        await shopper.from_("orders")
        .select(NESTED)
        .eq("user_id", user.id)
        .order("created_at", desc=True)
        .execute()
    )
    rows: list[Any] = answer.data
    assert [row["id"] for row in rows] == placed[::-1]
    assert rows[0]["items"][0]["product"]["price"] == 500
    assert (await shopper.from_("orders").select("id").execute()).data.__len__() == 3


@pytest.mark.parametrize("key", ["SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"])
async def test_inserts_arrive_live_and_only_ones_own(
    stack: Stack, key: str, new_product: Callable[..., str]
) -> None:
    alice, bob = await new_shopper(stack, key), await new_shopper(stack, key)
    seen: dict[str, list[str]] = {"filtered": [], "all": []}
    user = await user_of(alice)
    for name, row_filter in (("filtered", f"user_id=eq.{user.id}"), ("all", None)):
        channel = alice.channel(name)
        channel.on_postgres_changes(
            RealtimePostgresChangesListenEvent.Insert,
            schema="public",
            table="orders",
            filter=row_filter,
            callback=partial(note, seen[name]),
        )
        await subscribed(channel)
    product = new_product()
    await place(bob, product)
    mine = await place(alice, product)

    async def arrived() -> bool:
        return all(mine["id"] in ids for ids in seen.values())

    await until(arrived)
    assert seen == {"filtered": [mine["id"]], "all": [mine["id"]]}
    for client in (alice, bob):
        await client.remove_all_channels()


def note(seen: list[str], change: Any) -> None:  # noqa: ANN401 - the client's own type
    seen.append(change["data"]["record"]["id"])


async def subscribed(channel: Any) -> None:  # noqa: ANN401 - the client's own type
    """Join, and wait until the server says that changes flow."""
    ready: list[object] = []
    channel.on_system(ready.append)
    await channel.subscribe()

    async def said() -> bool:
        return bool(ready)

    await until(said)


async def test_the_secret_key_sees_all_orders(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    order = await place(shopper, new_product())
    for key in ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        admin = await acreate_client(stack.environment["SUPABASE_URL"], stack.environment[key])
        answer = await admin.table("orders").select("id").eq("id", order["id"]).execute()
        assert len(answer.data) == 1


async def test_refusals_carry_status_and_code(
    shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    with pytest.raises(APIError) as refused:
        await place(shopper, new_product(stock=1), new_product(), email="nobody")
    assert (refused.value.code, refused.value.details) == ("PT422", "invalid_email")


async def test_a_guests_orders_stay_when_the_guest_becomes_an_account(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    environment = stack.environment
    guest = await acreate_client(
        environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
    )
    await guest.auth.sign_in_anonymously()
    before = await user_of(guest)
    assert before.is_anonymous
    email = f"{before.id}@example.com"
    order = await place(guest, new_product(), email=email)
    await guest.auth.update_user({"email": email, "password": PASSWORD})
    member = await acreate_client(
        environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
    )
    signed_in = await member.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert signed_in.user
    assert signed_in.user.id == before.id
    assert await final_status(member, order) == "completed"


async def test_the_demo_accounts_sign_in_and_staff_see_every_order(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    order = await place(shopper, new_product())
    environment = stack.environment
    seen = {}
    for who in ("SHOPPER", "STAFF"):
        client = await acreate_client(
            environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
        )
        await client.auth.sign_in_with_password(
            {"email": environment[f"DEMO_{who}_EMAIL"], "password": environment["DEMO_PASSWORD"]}
        )
        answer = await client.table("orders").select("id").eq("id", order["id"]).execute()
        seen[who] = len(answer.data)
    assert seen == {"SHOPPER": 0, "STAFF": 1}
