"""Whose certificates are trusted."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# In a process of its own: aiohttp looks at the environment when it is imported.
PROGRAM = """
import sys
from orderbase import Orderbase, OrderbaseError
try:
    with Orderbase(sys.argv[1], "key", retries=0) as shop:
        print(shop.products.list())
except OrderbaseError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(signed.public_bytes(pem) + private)
    return file


@pytest.fixture
async def url(certificate: Path) -> AsyncIterator[str]:
    """A shop without products, behind TLS."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_get("/rest/v1/products", _nothing)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"https://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _nothing(_: web.Request) -> web.Response:
    return web.json_response([])


async def _what_it_prints(url: str, **trusted: str) -> str:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, url),
        env=os.environ | {"no_proxy": "localhost"} | trusted,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await program.communicate()
    return printed.decode().strip()


async def test_what_nobody_has_signed_is_not_trusted(url: str) -> None:
    assert await _what_it_prints(url) == "ConnectionFailed"


async def test_what_the_environment_names_is_trusted(url: str, certificate: Path) -> None:
    assert await _what_it_prints(url, SSL_CERT_FILE=str(certificate)) == "[]"
