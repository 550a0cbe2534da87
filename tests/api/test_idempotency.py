"""Calls under a key: once, however often they are sent."""

import asyncio
import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from fastapi import Request, Response
from psycopg.rows import dict_row
from starlette.types import Message

from functions.api.clients import Api
from functions.api.idempotency import _once
from functions.api.tokens import User
from tests.api.calling import Json, Person, if_match
from tests.api.conftest import PASSWORD, NewPerson, settings_of
from tests.api.gateway import behind_gateway
from tests.conftest import Stack


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def new_user(**changed: Json) -> Json:
    return {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD} | changed


def rows(stack: Stack, statement: str, *arguments: object) -> list[dict[str, Any]]:
    url = stack.settings.database_url()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode(), arguments)
        return cursor.fetchall() if cursor.description else []


async def test_a_repetition_gets_the_first_answer(staff: Person) -> None:
    body, headers = new_user(displayName="Ada"), new_key()
    first = await staff.post("/users", body, headers=headers)
    again = await staff.post("/users", body, headers=headers)
    reordered = await staff.post("/users", dict(reversed(body.items())), headers=headers)
    assert first.status == again.status == reordered.status == 201
    assert first.body == again.body == reordered.body
    for name in ("ETag", "Location"):
        assert first.headers[name] == again.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_without_a_key_each_call_counts(staff: Person) -> None:
    body = new_user()
    assert (await staff.post("/users", body)).status == 201
    assert (await staff.post("/users", body)).refusal == (409, "email_exists")


async def test_a_refusal_is_repeated_too(staff: Person) -> None:
    headers = new_key()
    body = new_user(email=staff.email)
    first = await staff.post("/users", body, headers=headers)
    again = await staff.post("/users", body, headers=headers)
    assert first.refusal == again.refusal == (409, "email_exists")
    assert again.told == first.told
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("change", [{"displayName": "Eve"}, {"password": PASSWORD + "!"}])
async def test_a_key_belongs_to_one_request(staff: Person, change: Json) -> None:
    body, headers = new_user(), new_key()
    assert (await staff.post("/users", body, headers=headers)).status == 201
    other = await staff.post("/users", body | change, headers=headers)
    assert other.refusal == (422, "idempotency_key_reused")
    product = {"slug": uuid.uuid4().hex, "name": "Cup", "price": 1, "currency": "EUR"}
    elsewhere = await staff.post("/products", product, headers=headers)
    assert elsewhere.refusal == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_one_path(staff: Person, new_person: NewPerson) -> None:
    one, other = await new_person(), await new_person()
    headers = new_key()
    assert (await staff.post(f"/users/{one.id}/deactivate", headers=headers)).status == 200
    refused = await staff.post(f"/users/{other.id}/deactivate", headers=headers)
    assert refused.refusal == (422, "idempotency_key_reused")
    assert not (await staff.get(f"/users/{other.id}")).body["deactivated"]


async def test_a_key_belongs_to_one_method(stack: Stack, shopper: Person) -> None:
    api = cast("Api", SimpleNamespace(settings=settings_of(stack), database=None))
    caller = User(uuid.uuid4(), is_staff=False, is_guest=False, email=None, token="")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def hash_of(method: str) -> str:
        scope = {"type": "http", "method": method, "path": "/a", "headers": [], "query_string": b""}
        once = await _once(Request(scope, receive), Response(), caller, api, "key")
        return str(once._scope["request_hash"])

    assert await hash_of("PATCH") == await hash_of("PATCH") != await hash_of("DELETE")


async def test_a_key_is_its_callers_own(new_person: NewPerson) -> None:
    headers = new_key()
    for name in ("Ada", "Eve"):
        person = await new_person()
        reply = await person.patch("/me", {"displayName": name}, headers=headers)
        assert (reply.status, reply.body["displayName"]) == (200, name)


async def test_edits_are_made_once(staff: Person, new_product: Callable[..., str]) -> None:
    path, headers = f"/products/{new_product()}", new_key() | {"If-Match": '"1"'}
    first = await staff.patch(path, {"price": 7}, headers=headers)
    again = await staff.patch(path, {"price": 7}, headers=headers)
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    later = await staff.patch(path, {"price": 8}, headers=if_match(first))
    assert later.body["version"] == 3


async def test_of_many_at_once_one_is_carried_out(staff: Person) -> None:
    body, headers = new_user(), new_key()
    replies = await asyncio.gather(*(staff.post("/users", body, headers=headers) for _ in range(8)))
    made = [reply for reply in replies if reply.status == 201]
    assert made
    assert len({reply.body["id"] for reply in made}) == 1
    assert len([reply for reply in made if "Idempotency-Replayed" not in reply.headers]) == 1
    for reply in replies:
        if reply.status != 201:
            assert reply.refusal == (409, "idempotency_in_progress")
            assert reply.headers["Retry-After"] == "1"


async def test_a_call_that_never_came_back_does_not_hold_its_key_for_ever(
    stack: Stack, staff: Person
) -> None:
    body, headers = new_user(), new_key()
    key = headers["Idempotency-Key"]
    first = await staff.post("/users", body, headers=headers)
    # As if the process had ended before it could tell.
    mine = "where caller = %s and key = %s"
    rows(
        stack,
        f"update private.idempotency_keys set answer = null,"
        f" claimed_until = clock_timestamp() + interval '1 minute' {mine}",
        staff.id,
        key,
    )
    held = await staff.post("/users", body, headers=headers)
    assert held.refusal == (409, "idempotency_in_progress")
    rows(
        stack,
        f"update private.idempotency_keys set claimed_until = clock_timestamp() {mine}",
        staff.id,
        key,
    )
    late = await staff.post("/users", body, headers=headers)
    assert (first.status, late.status) == (201, 201)
    assert late.body["id"] == first.body["id"]


async def test_what_may_pass_leaves_the_key_free(stack: Stack, staff: Person) -> None:
    body, headers = new_user(), new_key()
    async with behind_gateway(stack) as (gateway, client):
        gateway.faults["/auth/v1/admin"] = (503, "{}")
        failed = await Person(client, staff.token).post("/users", body, headers=headers)
        assert failed.refusal == (503, "unavailable")
    assert (await staff.post("/users", body, headers=headers)).status == 201


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_may_pass_is_not_kept(stack: Stack, new_person: NewPerson, status: int) -> None:
    said = {"code": f"PT{status}", "details": "so_it_is", "message": "So it is.", "hint": ""}
    headers = new_key()
    async with behind_gateway(stack) as (gateway, client):
        person = Person(client, (await new_person()).token)
        gateway.faults["/rest/v1/profiles"] = (status, json.dumps(said))
        refused = await person.patch("/me", {"displayName": "a"}, headers=headers)
        assert refused.refusal == (status, "so_it_is")
        gateway.faults.clear()
        again = await person.patch("/me", {"displayName": "a"}, headers=headers)
        assert again.status == 200


async def test_who_is_no_more_is_not_signed_in(stack: Stack, new_person: NewPerson) -> None:
    person = await new_person()
    rows(stack, "delete from auth.users where id = %s", person.id)
    reply = await person.patch("/me", {"displayName": "a"}, headers=new_key())
    assert reply.refusal == (401, "sign_in_required")


async def test_an_account_that_was_half_made_is_finished_under_its_key(
    stack: Stack, staff: Person
) -> None:
    body, headers = new_user(displayName="Ada", role="staff"), new_key()
    async with behind_gateway(stack) as (gateway, client):
        gateway.faults["/rest/v1/rpc/edit_user"] = (503, "{}")
        failed = await Person(client, staff.token).post("/users", body, headers=headers)
        assert failed.refusal == (503, "unavailable")
    for stranger in ({}, new_key()):
        assert (await staff.post("/users", body, headers=stranger)).refusal == (409, "email_exists")
    made = await staff.post("/users", body, headers=headers)
    assert (made.status, made.body["displayName"], made.body["role"]) == (201, "Ada", "staff")


async def test_an_account_that_has_moved_on_is_not_taken_over(stack: Stack, staff: Person) -> None:
    body, headers = new_user(), new_key()
    made = (await staff.post("/users", body, headers=headers)).body
    rows(stack, "delete from private.idempotency_keys where caller = %s", staff.id)
    path = f"/users/{made['id']}"
    moved = await staff.patch(path, {"email": new_user()["email"]}, headers={"If-Match": "*"})
    assert (await staff.post("/users", body, headers=headers)).refusal == (409, "email_exists")
    assert (await staff.get(path)).body == moved.body


async def test_nothing_can_fail_once_a_product_is_edited(stack: Stack, staff: Person) -> None:
    price = {"country": "US", "price": 5, "currency": "USD"}
    new = {"slug": uuid.uuid4().hex, "name": "Cup", "price": 1, "currency": "EUR"}
    async with behind_gateway(stack) as (gateway, client):
        gateway.faults["/rest/v1/products"] = (503, "{}")
        person = Person(client, staff.token)
        made = await person.post("/products", new | {"prices": [price]}, headers=new_key())
        assert (made.status, made.body["prices"]) == (201, [price])
        path, change = made.headers["Location"], {"description": "x"}
        headers = new_key() | if_match(made)
        edited = await person.patch(path, change, headers=headers)
        assert (edited.status, edited.body["prices"], edited.body["version"]) == (200, [price], 2)
        gone = await person.ask("DELETE", path, headers=if_match(edited))
        assert (gone.status, gone.body["active"]) == (200, False)


async def test_nothing_secret_is_kept(stack: Stack, staff: Person) -> None:
    headers = new_key()
    body = new_user(password="a secret of mine")  # noqa: S106 - of a test
    await staff.post("/users", body, headers=headers)
    [kept] = rows(
        stack,
        "select * from private.idempotency_keys where key = %s",
        headers["Idempotency-Key"],
    )
    assert "secret of mine" not in str(kept)
    assert kept["answer"]["body"]["email"] == body["email"]
