"""What the API depends on does not answer, or answers nonsense: then nobody gets through."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from tests.api.calling import Person, order_of
from tests.api.gateway import Fault, Gateway, behind_gateway
from tests.conftest import Stack

KEYS = "/auth/v1/.well-known"
FAULTS: dict[str, Fault] = {
    "hangs up": None,
    "fails": (500, "{}"),
    "is overloaded": (429, "{}"),
    "is away": (502, "<html>Bad Gateway</html>"),
    "speaks HTML": (200, "<html>Welcome</html>"),
    "says nothing": (200, ""),
    "nests without end": (200, "[" * 100_000),
}
faults = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
Behind = tuple[Gateway, aiohttp.ClientSession]


@pytest.fixture
async def behind(stack: Stack) -> AsyncIterator[Behind]:
    async with behind_gateway(stack) as behind:
        yield behind


@faults
async def test_while_auths_keys_are_unknown_nobody_is_believed(
    behind: Behind, staff: Person, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.api.keys._RETRY_SECONDS", 60)
    gateway, client = behind
    gateway.faults[KEYS] = fault
    person = Person(client, staff.token)
    for path in ("/me", "/users", "/orders", "/products"):
        assert (await person.get(path)).refusal == (503, "unavailable")
    assert (await Person(client).get("/products")).status == 200
    assert len([path for path in gateway.asked if path.startswith(KEYS)]) <= 2


async def test_known_keys_outlive_an_outage_of_auth(behind: Behind, staff: Person) -> None:
    gateway, client = behind
    person = Person(client, staff.token)
    assert (await person.get("/users?limit=1")).status == 200
    gateway.faults["/auth"] = None
    assert (await person.get("/users?limit=1")).status == 200
    assert (await Person(client, "a.b.c").get("/me")).refusal == (401, "invalid_token")


@faults
async def test_without_the_database_there_is_no_answer(
    behind: Behind, shopper: Person, staff: Person, new_product: Callable[..., str], fault: Fault
) -> None:
    gateway, client = behind
    gateway.faults["/rest"] = fault
    mine, theirs = Person(client, shopper.token), Person(client, staff.token)
    for reply in (
        await mine.get("/me"),
        await mine.get("/orders"),
        await mine.post("/orders", order_of(new_product())),
        await theirs.get("/users"),
        await theirs.post("/users", {"email": "a@example.com"}, headers={"Idempotency-Key": "a"}),
    ):
        assert reply.refusal == (503, "unavailable")
    async with client.get("/health/ready") as answer:
        assert answer.status == 503
    async with client.get("/health") as answer:
        assert answer.status == 200
    gateway.faults.clear()
    assert (await mine.get("/me")).status == 200


@faults
async def test_without_auths_admin_api_no_account_is_made(
    behind: Behind, staff: Person, fault: Fault
) -> None:
    gateway, client = behind
    gateway.faults["/auth/v1/admin"] = fault
    person = Person(client, staff.token)
    reply = await person.post("/users", {"email": "never@example.com"})
    assert reply.refusal == (503, "unavailable")
    assert (await person.get("/users?email=never@example.com")).body["data"] == []


async def test_a_database_that_went_away_in_the_middle_may_be_asked_again(
    behind: Behind, shopper: Person
) -> None:
    gateway, client = behind
    gateway.faults["/rest"] = (400, '{"code": "", "details": null, "hint": null, "message": ""}')
    assert (await Person(client, shopper.token).get("/me")).refusal == (503, "unavailable")


async def test_what_a_verb_never_says_is_our_fault_and_tells_nothing(
    behind: Behind, shopper: Person
) -> None:
    gateway, client = behind
    gateway.faults["/rest"] = (403, '{"code": "42501", "message": "permission denied for x"}')
    headers = {"Authorization": f"Bearer {shopper.token}"}
    async with client.get("/me", headers=headers) as answer:
        body = await answer.json()
    assert (answer.status, body["code"]) == (500, "internal_error")
    assert "permission" not in str(body)


async def test_a_refusal_that_may_pass_says_when(behind: Behind, shopper: Person) -> None:
    gateway, client = behind
    gateway.faults["/rest"] = (
        503,
        '{"code": "PT503", "details": "busy", "hint": "", "message": "Try again."}',
    )
    reply = await Person(client, shopper.token).get("/me")
    assert reply.refusal == (503, "busy")
    assert "context" not in reply.body
