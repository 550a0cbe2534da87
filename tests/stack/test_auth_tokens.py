"""Access tokens: what they say, who can check them, and which ones are refused."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local_stack.settings import Settings
from local_stack.signing import SigningKey
from local_stack.tokens import Tokens, now
from tests.stack.auth_server import AuthServer, serve_auth

BAD = (403, "bad_jwt")


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with open sign-up and no mails."""
    async with serve_auth(bare_settings) as server:
        yield server


@pytest.fixture(scope="module")
async def session(auth: AuthServer) -> dict[str, Any]:
    """A signed-in user."""
    return await auth.sign_up()


def _claims(session: dict[str, Any], **changes: object) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        session["access_token"], options={"verify_signature": False}
    )
    return claims | changes


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return b".".join([*map(jwt.utils.base64url_encode, parts), b""]).decode()


async def test_anybody_can_verify_a_token_by_the_published_key(
    auth: AuthServer, session: dict[str, Any]
) -> None:
    published = (await auth.call("GET", "/.well-known/jwks.json")).body
    token = session["access_token"]
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="authenticated")
    user = session["user"]
    assert claims["iss"] == f"{auth.settings.api_url}/auth/v1"
    assert claims["sub"] == user["id"]
    assert claims["email"] == user["email"]
    assert (claims["role"], claims["aal"]) == ("authenticated", "aal1")
    assert [entry["method"] for entry in claims["amr"]] == ["password"]
    assert claims["amr"][0]["timestamp"] <= now()
    assert claims["exp"] - claims["iat"] == session["expires_in"] == 3600
    assert claims["exp"] == session["expires_at"]
    assert claims["is_anonymous"] is False
    assert claims["app_metadata"] == user["app_metadata"]
    rows = await auth.sql("select user_id from auth.sessions where id = %s", claims["session_id"])
    assert str(rows[0]["user_id"]) == user["id"]
    assert "d" not in published["keys"][0]


async def test_forged_tokens_are_refused(auth: AuthServer, session: dict[str, Any]) -> None:
    claims = _claims(session)
    tokens = Tokens(auth.settings.keys)
    kid = tokens.public_key["kid"]
    stranger = ec.generate_private_key(ec.SECP256R1())
    public_pem = _public_pem(auth.settings)
    as_secret = jwt.utils.base64url_encode(public_pem).decode()
    header, payload, signature = session["access_token"].split(".")
    raised = jwt.utils.base64url_encode(json.dumps(claims | {"role": "service_role"}).encode())
    forged = {
        "no algorithm": _unsigned({"alg": "none"}, claims),
        "no algorithm, capitals": _unsigned({"alg": "NONE", "kid": kid}, claims),
        "another key": jwt.encode(claims, stranger, algorithm="ES256", headers={"kid": kid}),
        "its own key": jwt.encode(
            claims, stranger, algorithm="ES256", headers={"jwk": tokens.public_key, "kid": "../x"}
        ),
        "public key as secret": _hs256(public_pem, claims),
        "public key as encoded secret": _hs256(as_secret.encode(), claims),
        "empty secret": _hs256(b"", claims),
        "changed payload": f"{header}.{raised.decode()}.{signature}",
        "no signature": f"{header}.{payload}.",
        "expired": tokens.sign(claims | {"exp": now() - 1}),
        "not yet": tokens.sign(claims | {"nbf": now() + 3600}),
        "endless JSON": f"{base64.urlsafe_b64encode(b'[' * 4500).decode().rstrip('=')}.e30.e30",
        "no token": "nonsense",
    }
    for name, token in forged.items():
        reply = await auth.call("GET", "/user", token=token)
        assert (name, *reply.refusal) == (name, *BAD)
        reply = await auth.call("GET", "/admin/users", token=token)
        assert (name, *reply.refusal) == (name, *BAD)


def _public_pem(settings: Settings) -> bytes:
    key = SigningKey.parse(settings.keys.signing_key).private.public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _hs256(secret: bytes, claims: dict[str, Any]) -> str:
    """Signed by hand: the library refuses to misuse a public key."""
    unsigned = _unsigned({"alg": "HS256", "typ": "JWT"}, claims)[:-1]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signed = signature.sign(unsigned.encode(), secret)
    return f"{unsigned}.{jwt.utils.base64url_encode(signed).decode()}"


async def test_a_token_needs_its_user_and_its_session(
    auth: AuthServer, session: dict[str, Any]
) -> None:
    tokens = Tokens(auth.settings.keys)
    cases: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"sub": str(uuid4())}, (403, "user_not_found")),
        ({"session_id": str(uuid4())}, (403, "session_not_found")),
        ({"sub": "me"}, BAD),
        ({"sub": ""}, BAD),
        ({"session_id": "mine"}, BAD),
        ({"session_id": ["a"]}, BAD),
    ]
    for changes, refusal in cases:
        reply = await auth.call("GET", "/user", token=tokens.sign(_claims(session, **changes)))
        assert (changes, reply.refusal) == (changes, refusal)


async def test_a_deleted_user_is_refused(auth: AuthServer) -> None:
    gone = await auth.sign_up()
    await auth.admin("DELETE", f"/{gone['user']['id']}")
    reply = await auth.call("GET", "/user", token=gone["access_token"])
    assert reply.refusal == (403, "user_not_found")
    assert (await auth.refresh(gone["refresh_token"])).refusal == (400, "refresh_token_not_found")


async def test_legacy_signed_tokens_are_accepted(auth: AuthServer, session: dict[str, Any]) -> None:
    secret = auth.settings.keys.jwt_secret
    token = jwt.encode(_claims(session), secret, algorithm="HS256")
    assert (await auth.call("GET", "/user", token=token)).status == 200


async def test_an_application_key_is_no_user(auth: AuthServer) -> None:
    keys = auth.settings.keys
    for headers in ({}, {"apikey": keys.anon_key}, {"Authorization": "Basic eDp5"}):
        reply = await auth.call("GET", "/user", headers=headers)
        assert reply.refusal == (401, "no_authorization")
        assert reply.body["msg"] == "This endpoint requires a valid Bearer token"
    for key in (keys.anon_key, keys.publishable_key, keys.secret_key):
        assert (await auth.call("GET", "/user", token=key)).refusal == BAD
