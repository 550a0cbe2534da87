"""Where no webhook goes, whatever a URL or the DNS says: not one packet leaves."""

import datetime
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.webhooks.addresses import is_loopback, is_public
from functions.webhooks.connections import AddressRefused, PublicResolver, rule, socket_factory
from functions.webhooks.send import Sender
from tests.webhooks.receiver import Receiver, listening, receiving

PUBLIC = (
    *("93.184.215.14", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450::1"),
    *("::ffff:1.1.1.1", "64:ff9b::1.1.1.1"),
)
NOT_PUBLIC = (
    *("0.0.0.1", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "100.100.100.200", "168.63.129.16"),
    *("::", "::1", "::7f00:1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002:7f00:1::", "2002:101:101::", "fc00::1"),
    *("fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1", "5f00::1"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback(address: str) -> None:
    assert is_loopback(ip_address(address))
    assert not is_loopback(ip_address("10.0.0.1"))


HOSTS = {
    "127.0.0.1": "address_refused",
    "localhost": "address_refused",
    "[::1]": "address_refused",
    "[::ffff:127.0.0.1]": "address_refused",
    "[::ffff:7f00:1]": "address_refused",
    "[64:ff9b::7f00:1]": "address_refused",
    "0.0.0.0": "address_refused",  # noqa: S104 - nobody binds it
    "[::]": "address_refused",
    "169.254.169.254": "address_refused",
    "\uff11\uff12\uff17.0.0.1": "address_refused",
    "127.1": None,
    "2130706433": None,
    "0x7f000001": None,
    "0x7f.0.0.1": None,
    "0177.0.0.1": None,
    "017700000001": None,
    "127.0.0.1.": None,
    "localhost.": None,
    "user@127.0.0.1": "url_refused",
    "hooks.example.com@127.0.0.1": "url_refused",
    "a..b.example.com": "url_refused",
    "a" * 64 + ".example.com": "url_refused",
}


@pytest.mark.parametrize("host", HOSTS)
async def test_no_packet_goes_to_this_machine(host: str) -> None:
    """A listener on it, whose port the URL names, hears nothing."""
    async with listening() as listener, Sender.open(seconds=5) as sender:
        outcome = await sender.deliver(Receiver().job(url=f"https://{host}:{listener.port}/"))
        assert outcome.status == "failed"
        assert outcome.error in (
            [HOSTS[host]] if HOSTS[host] else ["address_refused", "url_refused", "unknown_host"]
        )
        assert "status_code" not in outcome.data
        assert listener.connections == 0


URLS = (
    *("http://hooks.example.com/", "file:///etc/passwd", "ftp://hooks.example.com/", "", "/"),
    *("//hooks.example.com/", "https:///", "https://[::1", "https://a:99999999/", "gopher://x/"),
    *("unix:///run/x.sock", "data:text/plain,x", "https://u:p@hooks.example.com/"),
)


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("url", URLS)
async def test_no_other_kind_of_url_is_called(*, url: str, allow_loopback: bool) -> None:
    async with Sender.open(allow_loopback=allow_loopback, resolver=Names()) as sender:
        outcome = await sender.deliver(Receiver().job(url=url))
    assert (outcome.status, outcome.error) == ("failed", "url_refused")


async def test_even_in_development_only_loopback_is_called_in_the_clear(
    sender: Sender, receiver: Receiver
) -> None:
    for host in ("10.0.0.1", "[fe80::1]", "93.184.215.14", "example.com"):
        outcome = await sender.deliver(receiver.job(url=f"http://{host}/"))
        assert outcome.error == "url_refused"
    for host in ("https://10.0.0.1/", "https://169.254.169.254/", "https://[fd00::1]/"):
        assert (await sender.deliver(receiver.job(url=host))).error == "address_refused"
    assert (await sender.deliver(receiver.job())).status == "delivered"


class Names(AbstractResolver):
    """A name server that answers what it is told, one list of addresses after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


async def test_a_name_is_public_if_all_of_its_addresses_are() -> None:
    admits = rule(allow_loopback=False)
    public = Names(["93.184.215.14", "2a00:1450::1"])
    found = await PublicResolver(admits, public).resolve("hooks.example.com", 443)
    assert [one["host"] for one in found] == public.answers[0]
    for mixed in (["93.184.215.14", "127.0.0.1"], ["10.0.0.1", "2a00:1450::1"], ["::1"]):
        with pytest.raises(AddressRefused):
            await PublicResolver(admits, Names(mixed)).resolve("hooks.example.com", 443)


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["::1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:7f00:1"], ["10.0.0.1"]],
)
async def test_a_name_that_leads_inside_is_refused(found: list[str]) -> None:
    async with listening() as listener, Sender.open(resolver=Names(found)) as sender:
        job = Receiver().job(url=f"https://hooks.example.com:{listener.port}/")
        assert (await sender.deliver(job)).error == "address_refused"
        assert listener.connections == 0


async def test_a_name_that_changes_is_looked_up_once_and_what_was_judged_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: public when it is judged, this machine when it is called."""
    tried: list[object] = []

    def watched(*arguments: int) -> socket.socket:
        watching = Watching(*arguments)
        watching.tried = tried
        return watching

    monkeypatch.setattr("functions.webhooks.connections.socket.socket", watched)
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    async with listening() as listener, Sender.open(resolver=names, seconds=2) as sender:
        job = Receiver().job(url=f"https://hooks.example.com:{listener.port}/")
        assert (await sender.deliver(job)).error == "not_connected"
        assert (names.asked, tried) == (1, [("93.184.215.14", listener.port)])
        assert (await sender.deliver(job)).error == "address_refused"
        assert (names.asked, listener.connections) == (2, 0)


class Watching(socket.socket):
    """Notes whom it is to be connected to, and does not."""

    tried: list[object]

    def connect(self, address: object) -> None:
        self.tried.append(address)
        raise ConnectionRefusedError


async def test_a_resolver_that_was_not_judged_meets_the_last_look() -> None:
    """Both looks are there: one is not asked for addresses that stand in the URL."""
    create = socket_factory(lambda address: address == "93.184.215.14")
    with pytest.raises(AddressRefused):
        create((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443)))
    create((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.215.14", 443))).close()


async def test_a_redirect_inside_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    async with listening() as listener:

        async def send_inside(_request: web.Request) -> web.StreamResponse:
            url = f"http://127.0.0.1:{listener.port}/"
            return web.Response(status=307, headers={"Location": url})

        receiver.answer = send_inside
        assert (await sender.deliver(receiver.job())).data["status_code"] == 307
        assert listener.connections == 0


async def test_no_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    async with listening() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with Sender.open(allow_loopback=True) as sender:
            assert (await sender.deliver(receiver.job())).status == "delivered"
        assert proxy.connections == 0


async def test_the_server_is_called_by_its_name_and_must_prove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and SNI are the name's, though the address was looked up before."""
    tls, trusted = certificates(tmp_path, "hooks.example.com")
    seen: list[object] = []
    tls.sni_callback = lambda _socket, name, _context: seen.append(name)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)
    names = Names(["127.0.0.1"])
    async with (
        receiving(tls) as receiver,
        Sender.open(allow_loopback=True, resolver=names) as sender,
    ):
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        named = receiver.job(url=f"https://hooks.example.com:{port}/hooks")
        assert (await sender.deliver(named)).status == "delivered"
        assert seen == ["hooks.example.com"]
        assert receiver.headers[0]["host"] == f"hooks.example.com:{port}"
        other = receiver.job(url=f"https://other.example.com:{port}/hooks")
        assert (await sender.deliver(other)).error == "tls_failed"


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server of that name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "certificate.pem"))
