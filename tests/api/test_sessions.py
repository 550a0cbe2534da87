"""Tokens that Auth really signed, and keys that are no tokens of users."""

import uuid
from collections.abc import Callable

import aiohttp
import jwt
import pytest

from tests.api.auth_double import Signer, claims
from tests.api.calling import Person, order_of
from tests.api.conftest import NewPerson, serve, settings_of
from tests.conftest import Stack

STRANGER = Signer("stranger")


async def sign_out(stack: Stack, person: Person) -> None:
    url = f"{stack.settings.api_url}/auth/v1/logout"
    headers = {
        "apikey": stack.settings.keys.publishable_key,
        "Authorization": f"Bearer {person.token}",
    }
    async with (
        aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
        session.post(url),
    ):
        pass


async def test_who_has_signed_out_moves_no_money(
    stack: Stack, new_person: NewPerson, new_product: Callable[..., str]
) -> None:
    me, product = await new_person(), new_product()
    order = (await me.post("/orders", order_of(product))).body
    await sign_out(stack, me)
    over = (401, "sign_in_required")
    assert (await me.post("/orders", order_of(product))).refusal == over
    assert (await me.post(f"/orders/{order['id']}/cancel")).refusal == over


async def test_keys_of_the_project_are_nobody(stack: Stack, client: aiohttp.ClientSession) -> None:
    keys = stack.settings.keys
    for key in (keys.secret_key, keys.service_role_key):
        for path in ("/me", "/users", "/orders", "/products"):
            assert (await Person(client, key).get(path)).refusal == (401, "invalid_token")


async def test_public_keys_are_those_who_are_not_signed_in(
    stack: Stack, client: aiohttp.ClientSession
) -> None:
    """The official clients send them in the place of a token."""
    keys = stack.settings.keys
    for key in (keys.publishable_key, keys.anon_key):
        for path in ("/me", "/users", "/orders"):
            assert (await Person(client, key).get(path)).refusal == (401, "sign_in_required")
        assert (await Person(client, key).get("/products")).status == 200


async def test_a_key_beside_the_token_changes_nothing(stack: Stack, shopper: Person) -> None:
    secret = {"apikey": stack.settings.keys.secret_key}
    assert (await shopper.get("/users", headers=secret)).refusal == (403, "staff_only")


@pytest.mark.parametrize("role", ["authenticated", "service_role"])
async def test_a_strangers_word_is_not_taken(
    stack: Stack, client: aiohttp.ClientSession, staff: Person, role: str
) -> None:
    said = claims(
        iss=f"{stack.settings.api_url}/auth/v1",
        sub=str(staff.id),
        role=role,
        app_metadata={"role": "staff"},
    )
    kid = jwt.get_unverified_header(str(staff.token))["kid"]
    for token in (STRANGER.sign(said), STRANGER.sign(said, kid=kid)):
        assert (await Person(client, token).get("/users")).refusal == (401, "invalid_token")


async def test_a_legacy_token_is_taken_where_the_secret_is_set(
    stack: Stack, shopper: Person
) -> None:
    said = claims(iss=f"{stack.settings.api_url}/auth/v1", sub=str(shopper.id))
    token = jwt.encode(said, stack.settings.keys.jwt_secret, algorithm="HS256")
    assert (await Person(shopper.client, token).get("/me")).body["id"] == str(shopper.id)
    async with serve(settings_of(stack, supabase_jwt_secret=None)) as client:
        assert (await Person(client, token).get("/me")).refusal == (401, "invalid_token")


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer", "Token ", "bearer\t"])
async def test_only_a_bearer_token_counts(shopper: Person, scheme: str) -> None:
    headers = {"Authorization": f"{scheme}{shopper.token}"}
    assert (await shopper.get("/me", headers=headers)).refusal == (401, "invalid_token")


async def test_the_scheme_may_be_written_in_any_way(shopper: Person) -> None:
    headers = {"Authorization": f"BEARER  {shopper.token}"}
    assert (await shopper.get("/me", headers=headers)).status == 200


async def test_who_never_was_has_no_profile(stack: Stack, shopper: Person) -> None:
    said = claims(iss=f"{stack.settings.api_url}/auth/v1", sub=str(uuid.uuid4()))
    token = jwt.encode(said, stack.settings.keys.jwt_secret, algorithm="HS256")
    ghost = Person(shopper.client, token)
    for path in ("/me", "/me/preferences"):
        assert (await ghost.get(path)).refusal == (401, "sign_in_required")
    assert (await ghost.get("/orders")).body["data"] == []
