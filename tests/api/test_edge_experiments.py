"""GET /experiments/{name}: one arm for a user or visitor, and nobody's business but theirs."""

import uuid

import aiohttp
import psycopg
import pytest

from tests.api.conftest import NewPerson
from tests.api.edge import edge, execute, token_of
from tests.conftest import Stack


@pytest.fixture
def experiment(stack: Stack) -> str:
    name = f"test_{uuid.uuid4().hex}"
    execute(stack, "insert into public.experiments (name, active) values (%s, true)", name)
    for arm in ("a", "b"):
        execute(stack, "insert into public.experiment_arms values (%s, %s)", name, arm)
    return name


async def arm_of(
    client: aiohttp.ClientSession, experiment: str, headers: dict[str, str] | None = None
) -> str:
    async with client.get(f"/experiments/{experiment}", headers=headers) as answer:
        body = await answer.json()
        assert answer.status == 200, body
        assert body["experiment"] == experiment
        return str(body["arm"])


def exposures(stack: Stack, experiment: str) -> int:
    with psycopg.connect(stack.settings.database_url()) as connection:
        query = "select count(*) from public.experiment_exposures where experiment = %s"
        [count] = connection.execute(query, (experiment,)).fetchone() or (0,)
    return int(count)


async def test_a_visitor_with_an_id_sees_one_arm_and_counts_once(
    stack: Stack, client: aiohttp.ClientSession, experiment: str
) -> None:
    visitor = str(uuid.uuid4())
    arms = {
        await arm_of(client, experiment, {"X-Visitor-Id": visitor}),
        await arm_of(client, experiment, {"X-Visitor-Id": visitor.upper()}),
        await arm_of(client, experiment, {"Cookie": f"visitor={visitor}"}),
    }
    assert len(arms) == 1
    assert exposures(stack, experiment) == 1
    many = [{"X-Visitor-Id": str(uuid.uuid4())} for _ in range(40)]
    assert {await arm_of(client, experiment, headers) for headers in many} == {"a", "b"}
    assert exposures(stack, experiment) == 41


@pytest.mark.parametrize("junk", ["", "x", "1" * 36, "{" + "0" * 34 + "}", str(uuid.uuid4()) + "0"])
async def test_a_visitor_without_an_id_gets_one_to_keep(
    stack: Stack, client: aiohttp.ClientSession, experiment: str, junk: str
) -> None:
    headers = {"X-Visitor-Id": junk, "Cookie": f"visitor={junk}"}
    async with client.get(f"/experiments/{experiment}", headers=headers) as answer:
        arm = (await answer.json())["arm"]
        cookie = answer.headers["Set-Cookie"]
    first, *attributes = cookie.split("; ")
    assert uuid.UUID(first.removeprefix("visitor=")).version == 4
    assert {one.lower() for one in attributes} == {
        "httponly",
        "max-age=31536000",
        "path=/",
        "samesite=lax",
    }
    async with client.get(f"/experiments/{experiment}", headers={"Cookie": first}) as answer:
        assert (await answer.json())["arm"] == arm
        assert "Set-Cookie" not in answer.headers
    assert exposures(stack, experiment) == 1


async def test_a_shop_on_another_origin_keeps_the_id_that_the_answer_tells(
    stack: Stack, experiment: str
) -> None:
    """No cookie reaches us from there."""
    known: dict[str, str] = {}
    seen = set()
    async with edge(stack) as client:
        client.cookie_jar.clear()
        for _ in range(3):
            sent = known | {"Origin": str(stack.settings.web_url)}
            async with client.get(f"/experiments/{experiment}", headers=sent) as answer:
                body = await answer.json()
            client.cookie_jar.clear()
            seen.add((body["arm"], body["visitorId"]))
            known = {"X-Visitor-Id": body["visitorId"]}
    assert len(seen) == 1
    assert exposures(stack, experiment) == 1


async def test_a_head_is_no_exposure(
    stack: Stack, client: aiohttp.ClientSession, experiment: str
) -> None:
    visitor = {"X-Visitor-Id": str(uuid.uuid4())}
    for name, status in ((experiment, 200), ("no_such_experiment", 404)):
        async with client.head(f"/experiments/{name}", headers=visitor) as answer:
            assert answer.status == status
            assert answer.headers["Cache-Control"] == "private, no-store"
    assert exposures(stack, experiment) == 0
    await arm_of(client, experiment, visitor)
    assert exposures(stack, experiment) == 1


async def test_the_cookie_travels_by_tls_alone_where_the_shop_does(
    stack: Stack, experiment: str
) -> None:
    async with (
        edge(stack, web_url="https://shop.example.com") as client,
        client.get(f"/experiments/{experiment}") as answer,
    ):
        assert "; Secure" in answer.headers["Set-Cookie"]


async def test_a_user_is_known_by_their_token_wherever_they_come_from(
    stack: Stack, client: aiohttp.ClientSession, new_person: NewPerson, experiment: str
) -> None:
    token = token_of(await new_person(guest=True))
    arms = {
        await arm_of(client, experiment, token | {"X-Visitor-Id": str(uuid.uuid4())})
        for _ in range(8)
    }
    assert len(arms) == 1
    assert exposures(stack, experiment) == 1
    async with client.get(f"/experiments/{experiment}", headers=token) as answer:
        assert "Set-Cookie" not in answer.headers
        assert (await answer.json())["visitorId"] is None


async def test_a_token_that_proves_nobody_is_no_visitor(
    stack: Stack, client: aiohttp.ClientSession, experiment: str
) -> None:
    headers = {"Authorization": "Bearer x", "X-Visitor-Id": str(uuid.uuid4())}
    async with client.get(f"/experiments/{experiment}", headers=headers) as answer:
        assert answer.status == 401
    assert exposures(stack, experiment) == 0


async def test_nobody_keeps_the_answer_for_somebody_else(
    client: aiohttp.ClientSession, experiment: str
) -> None:
    for name, status in ((experiment, 200), ("no_such_experiment", 404)):
        async with client.get(f"/experiments/{name}") as answer:
            assert answer.status == status
            assert answer.headers["Cache-Control"] == "private, no-store"
            varies = set(answer.headers["Vary"].lower().split(", "))
            assert varies >= {"authorization", "cookie", "x-visitor-id"}


async def test_what_does_not_run_is_not_found(
    stack: Stack, client: aiohttp.ClientSession, experiment: str
) -> None:
    execute(stack, "update public.experiments set active = false where name = %s", experiment)
    async with client.get(f"/experiments/{experiment}") as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] == "experiment_not_found"
    async with client.get("/experiments/A-B") as answer:
        assert answer.status == 422
