"""Bodies and paths that nobody should send: each gets a 4xx in GoTrue's words."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from local_stack.ports import HOST
from local_stack.settings import Settings
from tests.stack.auth_server import PASSWORD, AuthServer, Reply, new_email, serve_auth

BAD_JSON = [
    b"",
    b"{",
    b"[]",
    b"1",
    b'"text"',
    b"\xff\xfe",
    b'\xef\xbb\xbf{"email": "a@example.com"}',
    b'{"email": "\xff@example.com"}',
    b'{"email": "\\ud800@example.com", "password": "123456"}',
    b'{"email": ["a@example.com"], "password": "123456"}',
    b'{"email": {"a": 1}, "password": "123456"}',
    b'{"email": 5, "password": "123456"}',
    b'{"email": "a@example.com", "password": 123456}',
    b'{"email": "a@example.com", "password": true}',
    b'{"email": "a@example.com", "password": "123456", "data": "text"}',
    b'{"email": "a@example.com", "password": "123456", "data": [1]}',
    b'{"email": "a@example.com", "password": "123456", "data": {"a": NaN}}',
    b'{"data": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
    b'{"data": {"a": ' + b"9" * 5000 + b"}}",
    b"[" * 100_000,
]
INVALID = [
    {"email": "nobody", "password": PASSWORD},
    {"email": "@example.com", "password": PASSWORD},
    {"email": "a@example.com\n", "password": PASSWORD},
    {"email": "a b@example.com", "password": PASSWORD},
    {"email": "a@exam\0ple.com", "password": PASSWORD},
    {"email": "a@example.com\r\nBcc: b@example.com", "password": PASSWORD},
    {"email": "ä@example.com", "password": PASSWORD},
    {"email": "a" * 300 + "@example.com", "password": PASSWORD},
    {"email": "a@example.com", "password": "12345\x00678"},
    {"email": "a@example.com", "password": PASSWORD, "data": {"a": "\0"}},
    {"email": "a@example.com", "password": PASSWORD, "data": {"\0": 1}},
    {"email": "a@example.com", "password": PASSWORD, "phone": "4915112345678"},
    {"email": "a@example.com"},
    {"email": "a@example.com", "password": ""},
    {"phone": "4915112345678", "password": PASSWORD},
]


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with open sign-up and no mails."""
    async with serve_auth(bare_settings) as server:
        yield server


async def _send(auth: AuthServer, method: str, path: str, body: bytes, token: str) -> Reply:
    headers = {"Content-Type": "text/plain"}
    return await auth.call(method, path, data=body, headers=headers, token=token)


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda body: body[:40].decode("latin-1"))
async def test_what_is_no_json_object_of_the_right_types(auth: AuthServer, body: bytes) -> None:
    user = await auth.call("POST", "/signup", {})
    token = user.body["access_token"]
    for method, path in [("POST", "/signup"), ("PUT", "/user"), ("POST", "/admin/users")]:
        key = auth.settings.keys.service_role_key if "admin" in path else token
        if b"data" in body and "admin" in path:
            continue
        reply = await _send(auth, method, path, body, key)
        assert reply.refusal == (400, "bad_json")
        assert reply.body["msg"].startswith("Could not parse request body as JSON: ")


async def test_every_route_reads_json_with_the_same_care(auth: AuthServer) -> None:
    for path in ("/token?grant_type=password", "/token?grant_type=refresh_token", "/verify"):
        for body in (b"", b"[1]", b'{"email": 1, "refresh_token": 1}', b"[" * 100_000):
            reply = await _send(auth, "POST", path, body, "")
            assert (path, body[:9], *reply.refusal) == (path, body[:9], 400, "bad_json")


@pytest.mark.parametrize("body", INVALID, ids=str)
async def test_what_cannot_be_meant(auth: AuthServer, body: dict[str, object]) -> None:
    reply = await auth.call("POST", "/signup", body)
    assert reply.status == 400, reply
    assert reply.headers["x-sb-error-code"] in {"validation_failed", "phone_provider_disabled"}
    rows = await auth.sql(
        "select from auth.users where email like 'a@%'",
    )
    assert rows == []


async def test_numbers_that_postgres_cannot_give_back(auth: AuthServer) -> None:
    for number in (b"1e999", b"-1e400"):
        reply = await _send(auth, "POST", "/signup", b'{"data": {"a": %b}}' % number, "")
        assert reply.refusal == (400, "validation_failed")
    kept = await _send(auth, "POST", "/signup", b'{"data": {"a": 12345678901234567890}}', "")
    assert kept.body["user"]["user_metadata"] == {"a": 12345678901234567890}


async def test_a_body_is_read_whatever_its_content_type(auth: AuthServer) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense", ""):
        reply = await auth.call(
            "POST", "/signup", data=b"{}", headers={"Content-Type": content_type}
        )
        assert (content_type, reply.status) == (content_type, 200)
    assert (await auth.call("POST", "/signup", data=b"null")).status == 200


async def test_a_body_is_read_only_so_far(auth: AuthServer) -> None:
    filler = b'{"data": {"a": "%b"}}' % (b"a" * (1 << 20))
    reply = await auth.call("POST", "/signup", data=BytesIO(filler))
    assert reply.refusal == (413, "request_entity_too_large")
    bomb = gzip.compress(b" " * (50 << 20))
    reply = await auth.call(
        "POST", "/signup", data=bomb, headers={"Content-Encoding": "gzip"}, compress=None
    )
    assert reply.refusal == (413, "request_entity_too_large")
    torn = await auth.call(
        "POST", "/signup", data=b"no gzip", headers={"Content-Encoding": "gzip"}, compress=None
    )
    assert torn.status == 400


async def test_unknown_routes_and_grants(auth: AuthServer) -> None:
    assert (await auth.call("GET", "/nothing")).refusal == (404, "not_found")
    assert (await auth.call("POST", "/admin/users/x/y")).refusal == (404, "not_found")
    assert (await auth.call("DELETE", "/user")).refusal == (405, "method_not_allowed")
    for path in ("/token", "/token?grant_type=", "/token?grant_type=magic"):
        reply = await auth.call("POST", path, {})
        assert reply.refusal == (400, "invalid_credentials")
        assert reply.body["msg"] == "unsupported_grant_type"


async def test_what_is_off_says_so(auth: AuthServer) -> None:
    for method, path, code in (
        ("POST", "/sso", "saml_provider_disabled"),
        ("GET", "/sso/saml/metadata", "saml_provider_disabled"),
        ("GET", "/passkeys", "passkey_disabled"),
        ("POST", "/passkeys/authentication/options", "passkey_disabled"),
        ("POST", "/admin/oauth/clients", "feature_disabled"),
        ("GET", "/oauth/authorize", "feature_disabled"),
        ("GET", "/admin/custom-providers", "feature_disabled"),
    ):
        reply = await auth.call(method, path)
        assert (path, *reply.refusal) == (path, 404, code)
    assert (await auth.call("GET", "/ssoo")).refusal == (404, "not_found")


async def test_grants_need_their_fields(auth: AuthServer) -> None:
    email = new_email()
    cases: list[tuple[str, dict[str, object], tuple[int, str]]] = [
        ("password", {}, (400, "validation_failed")),
        ("password", {"email": email, "phone": "1"}, (400, "validation_failed")),
        ("password", {"phone": "1", "password": "x"}, (422, "phone_provider_disabled")),
        ("password", {"email": email}, (400, "invalid_credentials")),
        ("password", {"email": "no address", "password": "x"}, (400, "invalid_credentials")),
        ("refresh_token", {}, (400, "validation_failed")),
        ("refresh_token", {"refresh_token": None}, (400, "validation_failed")),
        ("refresh_token", {"refresh_token": "x" * 100_000}, (400, "refresh_token_not_found")),
    ]
    for name, body, refusal in cases:
        reply = await auth.call("POST", f"/token?grant_type={name}", body)
        assert (body, reply.refusal) == (body, refusal)


async def test_the_error_format_follows_the_asked_version(auth: AuthServer) -> None:
    path, version = "/token?grant_type=refresh_token", "X-Supabase-Api-Version"
    body, message = {"refresh_token": "x"}, "Invalid Refresh Token: Refresh Token Not Found"
    for asked in ("2024-01-01", "2025-06-30"):
        reply = await auth.call("POST", path, body, headers={version: asked})
        assert reply.body == {"code": "refresh_token_not_found", "message": message}
        assert reply.headers[version.lower()] == "2024-01-01"
    for asked in ("2023-12-31", "soon", ""):
        reply = await auth.call("POST", path, body, headers={version: asked})
        expected = {"code": 400, "error_code": "refresh_token_not_found", "msg": message}
        assert reply.body == expected
        assert version.lower() not in reply.headers


async def test_headers_that_are_no_text_do_no_harm(auth: AuthServer) -> None:
    user = await auth.call("POST", "/signup", {})
    refresh = b'{"refresh_token": "%s"}' % user.body["refresh_token"].encode()
    cases = [
        (b"POST /auth/v1/signup", b"User-Agent: \xff\xfe", b"{}", 200),
        (b"POST /auth/v1/token?grant_type=refresh_token", b"User-Agent: \xff", refresh, 200),
        (b"GET /auth/v1/user", b"Authorization: Bearer \xff\xfe", b"", 403),
        (b"GET /auth/v1/admin/users", b"apikey: \xff.\xff.\xff", b"", 403),
        (b"GET /auth/v1/admin/users/%ff%00", b"apikey: x", b"", 403),
        (b"GET /auth/v1/verify?type=signup&token=%ff", b"redirect_to: \xff", b"", 303),
        (b"GET /auth/v1/verify?type=%ff&token=%00", b"Accept: \xff", b"", 400),
    ]
    for line, header, body, status in cases:
        assert (line, await _status_of_raw(auth, line, header, body)) == (line, status)


async def _status_of_raw(auth: AuthServer, line: bytes, header: bytes, body: bytes) -> int:
    reader, writer = await asyncio.open_connection(HOST, auth.settings.ports.api)
    length = b"Content-Length: %d" % len(body)
    head = [line + b" HTTP/1.1", b"Host: x", b"Connection: close", header, length]
    writer.write(b"\r\n".join([*head, b"", body]))
    status = await reader.readline()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1])
