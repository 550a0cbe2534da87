"""The pg_net worker, against the real database and a real HTTP server."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from aiohttp import web
from psycopg.rows import dict_row

from local_stack import net
from local_stack.ports import HOST
from local_stack.settings import Settings

DEADLINE_SECONDS = 30


@dataclass
class Target:
    """A webhook receiver that remembers every request."""

    port: int = 0
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    hang: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.requests]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path_qs, dict(request.headers), body))
        answers = {
            "/broken": web.Response(status=500, text="no"),
            "/moved": web.Response(status=308, headers={"Location": "/there"}),
            "/loop": web.Response(status=302, headers={"Location": "/loop"}),
            "/file": web.Response(status=302, headers={"Location": "file:///etc/passwd"}),
            "/large": web.Response(text="x" * (net.MAX_REPLY_BYTES + 1)),
            "/binary": web.Response(body=b"caf\xe9\0rest"),
            "/cookie": web.Response(headers={"Set-Cookie": "session=1"}),
        }
        if request.path == "/hang":
            await self.hang.wait()
        return answers.get(request.path, web.json_response({"ok": True}))


class Database:
    """Queues requests and reads replies as the role `postgres`."""

    def __init__(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self.connection = connection

    async def value(self, query: str, *values: object) -> Any:  # noqa: ANN401 - any SQL value
        cursor = await self.connection.execute(query.encode(), values)
        row = await cursor.fetchone()
        return next(iter(row.values())) if row else None

    async def post(self, url: str, timeout_ms: int = 5000) -> int:
        query = "select net.http_post(%s, '{\"a\": 1}', timeout_milliseconds => %s)"
        return int(await self.value(query, url, timeout_ms))

    async def insert(self, url: str, headers: str = "{}", timeout_ms: int = 5000) -> int:
        query = (
            "insert into net.http_request_queue (method, url, headers, timeout_milliseconds)"
            " values ('get', %s, %s, %s) returning id"
        )
        return int(await self.value(query, url, headers, timeout_ms))

    async def reply(self, request_id: int) -> dict[str, Any]:
        query = "select * from net._http_response where id = %s"
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                cursor = await self.connection.execute(query.encode(), (request_id,))
                if row := await cursor.fetchone():
                    return row
                await asyncio.sleep(0.01)


@pytest.fixture
async def database(bare_settings: Settings) -> AsyncIterator[Database]:
    connection = await psycopg.AsyncConnection.connect(
        bare_settings.database_url(), autocommit=True, row_factory=dict_row
    )
    async with connection:
        await connection.execute("create extension if not exists pg_net")
        yield Database(connection)
        await connection.execute("drop extension if exists pg_net")


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", target.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    target.port = runner.addresses[0][1]
    yield target
    target.hang.set()
    await runner.cleanup()


async def test_a_request_leaves_after_its_commit_and_its_reply_is_kept(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    async with net.serve(bare_settings):
        async with database.connection.transaction(force_rollback=True):
            await database.post(target.url("/rolled-back"))
        reply = await database.reply(await database.post(target.url("/hook")))

    [(method, path, headers, body)] = target.requests
    assert (method, path, json.loads(body)) == ("POST", "/hook", {"a": 1})
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("pg_net/")
    assert "Accept-Encoding" not in headers
    assert reply["status_code"] == 200
    assert reply["content_type"] == "application/json; charset=utf-8"
    assert reply["headers"]["Content-Length"] == "12"
    assert json.loads(reply["content"]) == {"ok": True}
    assert (reply["timed_out"], reply["error_msg"]) == (False, None)
    assert await database.value("select count(*) from net.http_request_queue") == 0


async def test_get_and_delete_carry_parameters_and_headers(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    get = 'select net.http_get(%s, params => \'{"q": "a b&c"}\', headers => \'{"X-Key": "k"}\')'
    async with net.serve(bare_settings):
        await database.reply(await database.value(get, target.url("/search")))
        await database.reply(await database.value("select net.http_delete(%s)", target.url("/x")))

    search, delete = target.requests
    assert search[:2] == ("GET", "/search?q=a%20b%26c")
    assert search[2]["X-Key"] == "k"
    assert delete[:2] == ("DELETE", "/x")


async def test_it_waits_until_a_migration_creates_the_extension(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    await database.connection.execute("drop extension pg_net")
    async with net.serve(bare_settings):
        for round_number in range(2):
            await database.connection.execute("create extension pg_net")
            await database.reply(await database.post(target.url(f"/{round_number}")))
            await database.connection.execute("drop extension pg_net")

    assert target.paths() == ["/0", "/1"]


async def test_a_failure_is_kept_and_never_retried(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    async with net.serve(bare_settings):
        broken = await database.reply(await database.post(target.url("/broken")))
        after = await database.reply(await database.post(target.url("/after")))

    assert (broken["status_code"], broken["content"]) == (500, "no")
    assert after["status_code"] == 200
    assert target.paths() == ["/broken", "/after"]


async def test_a_hanging_endpoint_times_out_and_delays_nobody(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    async with net.serve(bare_settings):
        slow = await database.post(target.url("/hang"), timeout_ms=2000)
        quick = await database.reply(await database.post(target.url("/quick")))
        timed_out = await database.reply(slow)

    assert quick["created"] < timed_out["created"]
    assert timed_out["timed_out"] is True
    assert timed_out["error_msg"].startswith("Timeout of 2000 ms reached. Total time: ")
    assert timed_out["status_code"] is None


async def test_more_than_one_batch_is_sent_once_each(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    count = 2 * net.MAX_IN_FLIGHT + 1
    query = "select max(net.http_get(%s || number)) from generate_series(1, %s) as number"
    replies = "select count(*) from net._http_response"
    last = await database.value(query, target.url("/"), count)
    async with net.serve(bare_settings):
        await database.reply(last)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await database.value(replies) < count:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    assert sorted(target.paths()) == sorted(f"/{number}" for number in range(1, count + 1))


async def test_redirects_are_followed_within_http(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    async with net.serve(bare_settings):
        moved = await database.reply(await database.post(target.url("/moved")))
        loop = await database.reply(await database.insert(target.url("/loop")))
        file = await database.reply(await database.insert(target.url("/file")))

    assert moved["status_code"] == 200
    assert [request[:2] for request in target.requests[:2]] == [
        ("POST", "/moved"),
        ("POST", "/there"),
    ]
    assert target.requests[1][3] == target.requests[0][3]
    assert "TooManyRedirects" in loop["error_msg"]
    assert target.paths().count("/loop") == net.MAX_REDIRECTS
    assert file["status_code"] is None


async def test_cookies_are_not_shared(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    async with net.serve(bare_settings):
        for path in ("/cookie", "/next"):
            # An IP address would not do: cookies are for names.
            await database.reply(await database.insert(f"http://localhost:{target.port}{path}"))

    assert "Cookie" not in target.requests[1][2]


@pytest.mark.parametrize(
    ("path", "content"), [("/large", "x" * net.MAX_REPLY_BYTES), ("/binary", "caf\ufffd")]
)
async def test_replies_are_cut_to_what_can_be_kept(
    bare_settings: Settings, database: Database, target: Target, path: str, content: str
) -> None:
    async with net.serve(bare_settings):
        reply = await database.reply(await database.insert(target.url(path)))

    assert reply["content"] == content


@pytest.mark.parametrize(
    ("url", "headers", "timeout_ms", "message"),
    [
        ("http://127.0.0.1:1/", "{}", 5000, "Couldn't connect to server"),
        ("http://[bad", "{}", 5000, ""),
        ("ftp://127.0.0.1/", "{}", 5000, ""),
        ("", "{}", 5000, ""),
        ("http://127.0.0.1:1/\r\nX: y", "{}", 5000, ""),
        ("http://127.0.0.1:1/", '{"X-A": "a\\r\\nX-B: b"}', 5000, ""),
        ("http://127.0.0.1:1/", "[1]", 5000, "headers must be a JSON object"),
        ("http://127.0.0.1:1/", "{}", 0, "timeout_milliseconds must be positive"),
        ("http://127.0.0.1:1/", "{}", -5, "timeout_milliseconds must be positive"),
    ],
)
async def test_what_cannot_be_sent_is_an_error_row(
    bare_settings: Settings,
    database: Database,
    url: str,
    headers: str,
    timeout_ms: int,
    message: str,
) -> None:
    async with net.serve(bare_settings):
        reply = await database.reply(await database.insert(url, headers, timeout_ms))

    assert (reply["status_code"], reply["timed_out"]) == (None, False)
    assert message in reply["error_msg"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\r\nContent-Type: \xff\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 \xff\r\nContent-Length: 9\r\n\r\nshort",
        b"\x00\xff nonsense\r\n\r\n",
        b"",
    ],
)
async def test_a_malformed_reply_does_not_stop_the_worker(
    bare_settings: Settings, database: Database, answer: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, net.serve(bare_settings):
        for _ in range(2):
            reply = await database.reply(await database.insert(f"http://{HOST}:{port}/"))
            assert reply["status_code"] or reply["error_msg"]


async def test_old_replies_are_pruned(
    bare_settings: Settings, database: Database, target: Target
) -> None:
    insert = "insert into net._http_response (id, created) values (%s, now() - interval %s)"
    for request_id, age in [(-1, "6 hours 1 minute"), (-2, "5 hours 59 minutes")]:
        await database.connection.execute(insert.replace("%s)", f"'{age}')").encode(), [request_id])
    async with net.serve(bare_settings):
        await database.reply(await database.post(target.url("/")))

    assert await database.value("select min(id) from net._http_response") == -2
    assert await database.value("select count(*) from net._http_response where id = -1") == 0


async def test_it_survives_the_loss_of_its_connection(
    bare_settings: Settings,
    database: Database,
    target: Target,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_net'"
    )
    async with net.serve(bare_settings):
        await database.reply(await database.post(target.url("/before")))
        with psycopg.connect(bare_settings.database_url("supabase_admin")) as admin:
            admin.execute(kill)
        await database.reply(await database.post(target.url("/after")))

    assert target.paths() == ["/before", "/after"]
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["pg_net lost the database" in record.getMessage() for record in records] == [True]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_api_roles_may_send_but_not_read(database: Database, role: str) -> None:
    async with database.connection.transaction(force_rollback=True):
        await database.connection.execute(f"set local role {role}".encode())
        assert await database.value("select net.http_get('http://127.0.0.1:1/')") > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await database.connection.execute("select * from net._http_response")


async def test_a_bug_in_the_worker_does_not_end_silently(
    bare_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_worker: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(net._Worker, "work", fail)

    with pytest.raises(ExceptionGroup) as failure:
        async with net.serve(bare_settings):
            await asyncio.sleep(DEADLINE_SECONDS)

    assert failure.value.subgroup(ZeroDivisionError)
