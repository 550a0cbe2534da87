"""A stand-in of Auth that only tells its keys, and signs tokens with them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://auth.example.com/auth/v1"
PATH = "/auth/v1/.well-known/jwks.json"
Json = dict[str, Any]


class Signer:
    """A key pair: ES256, or RS256."""

    def __init__(self, kid: str, algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        if algorithm == "ES256":
            self.private: Any = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = rsa.generate_private_key(65537, 2048)

    @property
    def jwk(self) -> Json:
        """The public half."""
        kind = (
            jwt.algorithms.ECAlgorithm if self.algorithm == "ES256" else jwt.algorithms.RSAAlgorithm
        )
        public: Json = kind.to_jwk(self.private.public_key(), as_dict=True)
        return public | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Json, **header: Any) -> str:  # noqa: ANN401 - any JSON
        """A token; `header` overrides what it says of itself."""
        named = {"kid": self.kid} | header
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=named)


def claims(**changed: Any) -> Json:  # noqa: ANN401 - any JSON
    """What Auth says of somebody who has just signed in; None leaves a claim out."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": "authenticated",
        "sub": str(uuid.uuid4()),
        "role": "authenticated",
        "iat": now,
        "exp": now + 3600,
        "app_metadata": {"provider": "email"},
    } | changed
    return {name: value for name, value in said.items() if value is not None}


class Auth:
    """Tells `document`, in answers of this `status`."""

    url: str

    def __init__(self, *signers: Signer) -> None:
        self.tell(*signers)
        self.status = 200
        self.asked = 0
        self.open = asyncio.Event()
        """While it is not set, nobody gets an answer."""
        self.open.set()

    def tell(self, *signers: Signer) -> None:
        """From now on, these are its keys."""
        self.document: Any = {"keys": [signer.jwk for signer in signers]}

    async def answer(self, _request: web.Request) -> web.Response:
        """The key set."""
        self.asked += 1
        await self.open.wait()
        if isinstance(self.document, str):
            return web.Response(text=self.document, status=self.status)
        return web.json_response(self.document, status=self.status)


@asynccontextmanager
async def running(auth: Auth) -> AsyncIterator[Auth]:
    """Serve on a free port of the loopback."""
    app = web.Application()
    app.router.add_get(PATH, auth.answer)
    async with TestServer(app) as server:
        auth.url = str(server.make_url(PATH))
        yield auth
