"""Access tokens: whose word is taken, and the many whose is not."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from functions.api.keys import KeySet
from functions.api.tokens import InvalidToken, Tokens
from functions.kit.http import Http
from tests.api.auth_double import ISSUER, Auth, Json, Signer, claims, running

SECRET = "a legacy secret of 32 characters or more"  # noqa: S105 - of a test
EC, RSA, STRANGER = Signer("ec"), Signer("rsa", "RS256"), Signer("ec")
NOW = int(time.time())


@asynccontextmanager
async def tokens_of(auth: Auth, secret: str | None = SECRET) -> AsyncIterator[Tokens]:
    async with Http.connect() as http:
        yield Tokens(KeySet(http, auth.url), ISSUER, SecretStr(secret) if secret else None)


@pytest.fixture(scope="module")
async def tokens() -> AsyncIterator[Tokens]:
    async with running(Auth(EC, RSA)) as auth, tokens_of(auth) as tokens:
        yield tokens


def legacy(said: Json, secret: str = SECRET, **header: Any) -> str:  # noqa: ANN401 - any JSON
    return jwt.encode(said, secret, algorithm="HS256", headers=header)


def raw(header: object, said: object, signature: bytes = b"") -> str:
    """A token of any parts, however absurd."""
    parts = [json.dumps(part).encode() for part in (header, said)]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, signature]
    )


@pytest.mark.parametrize("sign", [EC.sign, RSA.sign, legacy], ids=["ES256", "RS256", "HS256"])
async def test_who_is_signed_in_is_known(tokens: Tokens, sign: Callable[[Json], str]) -> None:
    said = claims(email="ada@example.com")
    token = sign(said)
    user = await tokens.verify(token)
    assert (str(user.id), user.email, user.token) == (said["sub"], "ada@example.com", token)
    assert (user.is_staff, user.is_guest) == (False, False)


async def test_staff_are_named_by_what_users_cannot_edit(tokens: Tokens) -> None:
    staff = {"role": "staff"}
    assert (await tokens.verify(EC.sign(claims(app_metadata=staff)))).is_staff
    for lie in (
        {"user_metadata": staff}, {"app_metadata": "staff"}, {"app_metadata": ["staff"]},
        {"app_metadata": {"role": ["staff"]}}, {"app_metadata": {"roles": "staff"}},
    ):  # fmt: skip
        assert not (await tokens.verify(EC.sign(claims(**lie)))).is_staff


async def test_guests_are_known_as_such(tokens: Tokens) -> None:
    guest = await tokens.verify(EC.sign(claims(is_anonymous=True, email="")))
    assert (guest.is_guest, guest.email) == (True, None)


def confused() -> str:
    """Signed by HMAC with the public key as its secret, which everybody knows."""
    pem = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = raw({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims()).rpartition(".")[0]
    digest = hmac.digest(pem, unsigned.encode(), hashlib.sha256)
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGED = {
    "unsigned": raw({"alg": "none", "typ": "JWT"}, claims()),
    "unsigned, with a known key": raw({"alg": "none", "kid": "ec"}, claims()),
    "unsigned, in capitals": raw({"alg": "NONE", "kid": "ec"}, claims()),
    "no algorithm": raw({"kid": "ec"}, claims()),
    "algorithm is no text": raw({"alg": ["ES256"], "kid": "ec"}, claims()),
    "empty signature": raw({"alg": "ES256", "kid": "ec"}, claims()),
    "zero signature": raw({"alg": "ES256", "kid": "ec"}, claims(), b"\0" * 64),
    "public key as a secret": confused(),
    "a stranger's key under a known id": STRANGER.sign(claims()),
    "a stranger's key sent along": STRANGER.sign(claims(), jwk=STRANGER.jwk),
    "a key set of its own": STRANGER.sign(claims(), jku="http://127.0.0.1/keys"),
    "unknown id": EC.sign(claims(), kid="other"),
    "id is a path": EC.sign(claims(), kid="../../../../dev/null"),
    "id is a query": EC.sign(claims(), kid="' or 1=1 --"),
    "id of another key": EC.sign(claims(), kid="rsa"),
    "another secret": legacy(claims(), "another secret, which is long enough too"),
    "empty secret": legacy(claims(), " " * 32),
    "service role by a stranger": STRANGER.sign(claims(role="service_role")),
    "service role": EC.sign(claims(role="service_role")),
    "anon": EC.sign(claims(role="anon")),
    "no role": EC.sign(claims(role=None)),
    "role in a list": EC.sign(claims(role=["authenticated"])),
    "another issuer": EC.sign(claims(iss="https://evil.example.com/auth/v1")),
    "issuer of an API key": legacy(claims(iss="supabase")),
    "no issuer": EC.sign(claims(iss=None)),
    "another audience": EC.sign(claims(aud="other")),
    "no audience": EC.sign(claims(aud=None)),
    "expired a second ago": EC.sign(claims(exp=NOW - 1)),
    "expires never": EC.sign(claims(exp=None)),
    "expires some day": EC.sign(claims(exp="tomorrow")),
    "valid in an hour": EC.sign(claims(nbf=NOW + 3600)),
    "valid some day": EC.sign(claims(nbf="tomorrow")),
    "issued in an hour": EC.sign(claims(iat=NOW + 3600)),
    "nobody": EC.sign(claims(sub=None)),
    "no uuid": EC.sign(claims(sub="admin")),
    "empty subject": EC.sign(claims(sub="")),
    "claims are a list": raw({"alg": "ES256", "kid": "ec"}, [claims()]),
    "empty": "",
    "a word": "token",
    "dots": "..",
    "four parts": EC.sign(claims()) + ".x",
    "text around": f"{EC.sign(claims())} x",
    "NUL": EC.sign(claims()) + "\0",
    "no ASCII": "é.é.é",
    "nested without end": raw({"alg": "ES256", "kid": "ec"}, {})[:-1] + "." + "W1tb" * 50_000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
async def test_a_forged_token_proves_nobody(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_a_changed_token_proves_nobody(tokens: Tokens) -> None:
    header, said, signature = EC.sign(claims()).split(".")
    staff = raw({}, claims(app_metadata={"role": "staff"})).split(".")[1]
    for token in (f"{header}.{staff}.{signature}", f"{header}.{said}.{signature[:-4]}AAAA"):
        with pytest.raises(InvalidToken):
            await tokens.verify(token)


async def test_auths_clock_may_be_a_little_ahead(tokens: Tokens) -> None:
    soon = int(time.time()) + 20
    await tokens.verify(EC.sign(claims(iat=soon, nbf=soon)))


async def test_without_a_legacy_secret_no_legacy_token_is_taken() -> None:
    async with running(Auth(EC)) as auth, tokens_of(auth, None) as tokens:
        for token in (legacy(claims()), legacy(claims(), " " * 32), confused()):
            with pytest.raises(InvalidToken):
                await tokens.verify(token)
        await tokens.verify(EC.sign(claims()))


async def test_a_project_may_have_a_legacy_secret_alone() -> None:
    async with running(Auth()) as auth, tokens_of(auth) as tokens:
        await tokens.verify(legacy(claims()))
        with pytest.raises(InvalidToken):
            await tokens.verify(EC.sign(claims()))


async def test_a_known_key_makes_no_call() -> None:
    async with running(Auth(EC)) as auth, tokens_of(auth) as tokens:
        for _ in range(20):
            await tokens.verify(EC.sign(claims(sub=str(uuid.uuid4()))))
        assert auth.asked == 1
