"""Verbs over HTTP: what is sent, and which fault is which error."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from functions.kit.database import Database, DatabaseRefused, DatabaseUnavailable
from local_stack.ports import HOST, Ports
from tests.functions.engine import SECRET_KEY, Engine


async def test_a_verb_is_called_in_its_schema_with_the_secret_key(
    engine: Engine, database: Database
) -> None:
    engine.due = [{"message_id": 1}]
    assert await database.call("claim_orders", {"steps": {"a": "b"}}) == [{"message_id": 1}]
    assert engine.calls == [("claim_orders", {"steps": {"a": "b"}})]
    headers = engine.headers[0]
    assert (headers["apikey"], headers["Content-Profile"]) == (SECRET_KEY, "engine")
    assert "Authorization" not in headers


async def test_a_legacy_key_names_its_role_as_a_bearer_token(engine: Engine) -> None:
    settings = engine.settings().model_copy(update={"supabase_secret_key": SecretStr("e.y.J")})
    async with Database.connect(settings) as database:
        await database.call("claim_orders", {})
    assert engine.headers[0]["Authorization"] == "Bearer e.y.J"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_a_refusal_has_its_status_and_code(
    engine: Engine, database: Database, status: int
) -> None:
    engine.faults = [status]
    with pytest.raises(DatabaseRefused) as refused:
        await database.call("claim_orders", {})
    assert (refused.value.status, refused.value.code) == (status, "XX000")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_passing_fault_is_unavailability(
    engine: Engine, database: Database, status: int
) -> None:
    engine.faults = [status]
    with pytest.raises(DatabaseUnavailable):
        await database.call("claim_orders", {})
    assert await database.call("claim_orders", {}) == []


async def test_a_lost_reply_is_unavailability(engine: Engine, database: Database) -> None:
    engine.faults = [0]
    with pytest.raises(DatabaseUnavailable):
        await database.call("finish_orders", {"results": [{"message_id": 1}]})
    assert engine.results, "it was carried out all the same"


async def test_nobody_listening_is_unavailability(engine: Engine) -> None:
    engine.url = f"http://{HOST}:{Ports.free().rest}"
    async with Database.connect(engine.settings()) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.call("claim_orders", {})


@pytest.mark.parametrize("body", ["", "<html>", "{}", "null", '{"message": "hello"}', "\ufeff["])
async def test_nonsense_is_unavailability(engine: Engine, body: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server:
        engine.url = str(server.make_url("/"))
        async with Database.connect(engine.settings()) as database:
            with pytest.raises(DatabaseUnavailable):
                await database.call("claim_orders", {})


async def test_a_crash_of_postgres_during_the_call_is_unavailability(engine: Engine) -> None:
    """PostgREST answers 400 then, with an empty code: nothing is wrong with the call."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"code": "", "message": ""}, status=400)

    app = web.Application()
    app.router.add_post("/rest/v1/rpc/{verb}", answer)
    async with TestServer(app) as server:
        engine.url = str(server.make_url("/"))
        async with Database.connect(engine.settings()) as database:
            with pytest.raises(DatabaseUnavailable):
                await database.call("claim_orders", {})
