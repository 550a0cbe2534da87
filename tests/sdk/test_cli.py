"""The command `orderbase` against the whole stack."""

import asyncio
import json
import re
import shlex
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import psycopg
import pytest
from rich.console import Console

from orderbase import (
    Address,
    ConnectionFailed,
    InvalidRequest,
    Orderbase,
    Orders,
    Request,
    Response,
    _client,
)
from orderbase._http import AiohttpTransport
from orderbase.cli import lookup, render
from orderbase.cli.memory import FileStorage, Memory
from tests.conftest import Stack
from tests.sdk.cli import BUYING, Cli, place
from tests.sdk.live import PASSWORD, create_product, new_email
from tests.sdk.worlds import StackWorld

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]Cup[/red]\u202e\u009b31m\u2028x"


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


def kept_files(cli: Cli) -> list[Path]:
    return [path for path in cli.folder.rglob("*") if path.is_file()]


def remembered(stack: Stack) -> Orderbase:
    """The shop with whoever is signed in by the command."""
    url, key = (stack.environment[name] for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"))
    return Orderbase(url, key, storage=FileStorage(Memory(), url, key))


def rename(stack: Stack, product: UUID, name: str) -> None:
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "update products set name = %s, description = %s where id = %s", (name, name, product)
        )


def test_what_is_kept_is_for_its_owner_only(guest: Cli) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in kept_files(guest)}
    assert modes == {0o600}
    assert any("access_token" in path.read_text("utf-8") for path in kept_files(guest))


def test_a_session_lasts_from_one_command_to_the_next(cli: Cli) -> None:
    email = new_email()
    cli.run("sign-up", email, typed=f"{PASSWORD}\n")
    assert email in cli.run("whoami").out
    cli.run("sign-out")
    assert "Sign in" in cli.run("whoami", exit_code=1).err
    assert not any("token" in path.read_text("utf-8") for path in kept_files(cli))
    assert "invalid_credentials" in cli.run("sign-in", email, typed="wrong\n", exit_code=1).err
    cli.run("sign-in", email, typed=f"{PASSWORD}\n")
    assert cli.json("whoami")["email"] == email


def test_the_password_may_come_from_the_environment(
    cli: Cli, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERBASE_PASSWORD", stack.environment["DEMO_PASSWORD"])
    assert "staff" in cli.run("sign-in", stack.environment["DEMO_STAFF_EMAIL"]).out


def test_a_guest_who_signs_up_keeps_the_orders(guest: Cli, product: UUID) -> None:
    number = place(guest, product)["number"]
    guest.run("sign-up", new_email(), typed=f"{PASSWORD}\n")
    assert guest.json("whoami")["is_guest"] is False
    assert [order["number"] for order in guest.json("orders")] == [number]


@pytest.mark.parametrize("name", ["SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"])
def test_a_secret_key_is_used_from_the_environment_only_and_never_kept(
    cli: Cli, stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    url, secret = stack.environment["SUPABASE_URL"], stack.environment[name]
    assert "secret key" in cli.run("connect", url, secret, exit_code=2).err
    assert "secret key" in cli.run("--key", secret, "products", exit_code=2).err
    monkeypatch.setenv("ORDERBASE_KEY", secret)
    cli.run("products", "--limit", 1)
    cli.run("orders", "--limit", 1)
    assert not any(secret in path.read_text("utf-8") for path in kept_files(cli))
    monkeypatch.delenv("ORDERBASE_KEY")
    cli.run("products", "--limit", 1)


@pytest.mark.parametrize("name", ["SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"])
def test_a_secret_key_acts_as_itself_whoever_is_signed_in(
    guest: Cli, stack: Stack, product: UUID, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    guest.run("place", product, *BUYING, "--watch")
    number = guest.json("orders")[0]["number"]
    guest.run("sign-out")
    guest.run("sign-in", "--guest")
    me = guest.json("whoami")
    monkeypatch.setenv("ORDERBASE_KEY", stack.environment[name])
    assert guest.json("whoami") == me | {"id": None, "is_guest": False, "is_staff": True}
    assert "secret key" in guest.run("whoami").out
    assert number in [order["number"] for order in guest.json("orders")]
    assert number in [order["number"] for order in guest.json("staff", "orders")]
    assert guest.json("order", number)["number"] == number
    assert guest.json("staff", "refund", number, "--reason", "x", "--yes")["amount"] == 1250
    with guest.started("watch", number, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["status"] == "placed"
    monkeypatch.delenv("ORDERBASE_KEY")
    assert guest.json("whoami") == me
    assert "order_not_found" in guest.run("order", number, exit_code=1).err


@pytest.mark.parametrize(
    "words",
    [
        *(("place", "cup", *BUYING), ("cancel", "1"), ("sign-out",)),
        *(("sign-in", "--guest"), ("sign-up", "ada@example.com")),
    ],
)
def test_a_secret_key_is_nobody_who_could_buy_or_sign_in(
    guest: Cli, stack: Stack, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ORDERBASE_KEY", stack.environment["SUPABASE_SECRET_KEY"])
    assert "unset ORDERBASE_KEY" in guest.run(*words, exit_code=2).err
    monkeypatch.delenv("ORDERBASE_KEY")
    guest.run("whoami")


def test_a_guest_stays_the_same_guest(guest: Cli, product: UUID) -> None:
    number = place(guest, product)["number"]
    assert "Still signed in as a guest" in guest.run("sign-in", "--guest").out
    assert [order["number"] for order in guest.json("orders")] == [number]


def test_a_guest_leaves_the_orders_only_knowingly(guest: Cli) -> None:
    me, email = guest.json("whoami"), new_email()
    said = guest.run("sign-in", email, typed=f"{PASSWORD}\n", exit_code=2).err
    assert "orders do not come along" in said
    assert "orderbase sign-up" in said
    assert "--yes" in said
    assert guest.json("whoami") == me
    guest.run("sign-up", email, typed=f"{PASSWORD}\n")
    guest.run("sign-out")
    guest.run("sign-in", "--guest")
    guest.run("sign-in", "--yes", email, typed=f"{PASSWORD}\n")
    assert guest.json("whoami")["email"] == email
    guest.run("sign-in", email, typed=f"{PASSWORD}\n")


@pytest.mark.parametrize("key", ["wrongkey", "sb_publishable_of_another_shop"])
def test_a_key_of_another_shop_is_called_so(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    cli = Cli(tmp_path, monkeypatch)
    url = stack.environment["SUPABASE_URL"]
    said = cli.run("connect", url, key, exit_code=1).err
    assert f"The key is not one of the shop at {url}." in said
    assert "sign-in" not in said
    assert not kept_files(cli)
    monkeypatch.setenv("ORDERBASE_URL", url)
    monkeypatch.setenv("ORDERBASE_KEY", key)
    assert "wrong_key" in cli.run("products", exit_code=1).err


def test_examples_name_what_the_demo_shop_sells(cli: Cli) -> None:
    said = "".join(cli.run(*words, "--help").out for words in ((), ("product",), ("place",)))
    examples = re.findall(r"orderbase (?:product|place) ((?:[a-z][a-z=0-9-]* ?)+)", said)
    slugs = {word.partition("=")[0] for example in examples for word in example.split()}
    assert slugs == {"espresso-cup", "coffee-grinder"}
    for slug in slugs:
        cli.run("product", slug)


@pytest.mark.parametrize("width", [34, 50, 80])
def test_orders_can_be_named_however_narrow_it_is(
    guest: Cli, product: UUID, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    order = place(guest, product)
    monkeypatch.setattr(render, "out", lambda: Console(width=width))
    header, row = guest.run("orders").out.splitlines()
    assert row.split()[:2] == [str(order["number"]), order["id"][:8]]
    assert "…" not in row
    assert ("Total" in header, "Placed" in header) == (width >= 50, width >= 80)


def test_the_shop_of_make_env_is_found(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = Cli(tmp_path, monkeypatch)
    assert "orderbase connect" in cli.run("products", exit_code=2).err
    for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"):
        monkeypatch.setenv(name, stack.environment[name])
    assert cli.json("products", "--limit", 1)


def test_a_key_goes_to_no_other_shop(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SUPABASE_PUBLISHABLE_KEY", "sb_publishable_of_another_shop")
    said = cli.run("--url", "http://127.0.0.1:10", "products", exit_code=2)
    assert "not known" in said.err


def test_the_catalogue_is_listed(cli: Cli, product: UUID) -> None:
    assert "12.50 EUR" in cli.run("product", product).out
    listed = cli.json("products", "cup", "--all")
    assert {"price": 1250, "currency": "EUR"}.items() <= next(
        each for each in listed if each["id"] == str(product)
    ).items()
    assert str(product) not in cli.run("products", "cup", "--all").out  # people read slugs
    assert "cup-" in cli.run("products", "cup", "--all").out
    assert "product_not_found" in cli.run("product", "no-such-thing", exit_code=1).err


def test_machines_are_told_the_price_that_people_are_shown(cli: Cli) -> None:
    there = ("product", "espresso-cup", "--country", "US")
    told = cli.json(*there)
    assert told["currency"] == "USD"
    assert f"{told['price'] / 100:.2f} USD" in cli.run(*there).out
    assert (told["base_price"], told["base_currency"]) == (1200, "EUR")


def test_an_order_is_placed_and_followed_to_its_end(guest: Cli, product: UUID) -> None:
    said = guest.run(*("place", f"{product}=2", *BUYING[:-1], "--watch"), typed="y\n")
    assert "Order for 25.00 EUR?" in said.err
    assert [line.split()[-1] for line in said.out.splitlines()[-4:]] == [
        *("placed", "paid", "shipped", "completed"),
    ]


@pytest.mark.parametrize("line", ["=2", "cup=", "cup=x", "cup=-1", "cup=1.5", f"cup={9**40}"])
def test_what_is_no_line_of_an_order_is_not_right(guest: Cli, line: str) -> None:
    assert "SLUG=QUANTITY" in guest.run("place", line, *BUYING, exit_code=2).err


@pytest.mark.parametrize(("url", "key"), [("ftp://x", "k"), ("http://x", ""), ("http://x", "a\nb")])
def test_what_is_no_shop_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, key: str
) -> None:
    cli = Cli(tmp_path, monkeypatch)
    cli.run("connect", url, key, exit_code=2)
    assert not kept_files(cli)


def test_a_shop_that_does_not_answer_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    cli = Cli(tmp_path, monkeypatch)
    cli.run("connect", f"http://127.0.0.1:{unused_tcp_port}", "sb_publishable_x", exit_code=1)
    assert not kept_files(cli)


def test_nothing_is_ordered_without_a_yes(guest: Cli, product: UUID) -> None:
    guest.run("place", product, *BUYING[:-1], typed="n\n", exit_code=1)
    guest.run("place", product, *BUYING[:-1], typed="", exit_code=1)
    assert guest.json("orders") == []


def test_an_order_that_does_not_end_well_ends_with_1(guest: Cli, product: UUID) -> None:
    words = [word.replace("pm_card_visa", "pm_card_chargeDeclined") for word in BUYING]
    said = guest.run("place", product, *words, "--watch", "--json", exit_code=1)
    placed, *events = map(json.loads, said.out.splitlines())
    assert (placed["status"], events[-1]["status"]) == ("placed", "payment_failed")
    assert "declined" in guest.run("order", placed["number"]).out


def test_a_shortage_says_what_is_short(guest: Cli, stack: Stack) -> None:
    scarce = create_product(stack, stock=3)
    rename(stack, scarce, HOSTILE)
    said = guest.run("place", f"{scarce}=5", *BUYING, exit_code=1)
    assert "insufficient_stock" in said.err
    assert "5 wanted, 3 available" in said.err
    assert_harmless(said.err)


def test_a_price_that_has_changed_is_refused(
    guest: Cli, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = create_product(stack, stock=3)

    class Repricing(AiohttpTransport):
        async def send(self, request: Request) -> Response:
            if request.url.endswith("/rpc/place_order"):
                with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
                    connection.execute("update products set price = 1300 where id = %s", (product,))
            return await super().send(request)

    monkeypatch.setattr(_client, "AiohttpTransport", Repricing)
    said = guest.run("place", product, *BUYING, exit_code=1)
    assert "price_changed" in said.err
    assert "13.00 EUR" in said.err
    assert guest.json("orders") == []


def test_an_unknown_outcome_says_how_to_find_out(
    guest: Cli, product: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(AiohttpTransport):
        async def send(self, request: Request) -> Response:
            answer = await super().send(request)
            if request.url.endswith("/rpc/place_order"):
                raise ConnectionFailed("lost")
            return answer

    with monkeypatch.context() as patch:
        patch.setattr(_client, "AiohttpTransport", Losing)
        said = guest.run("place", product, *BUYING, exit_code=1)
    assert "is not known" in said.err
    command = next(line for line in said.err.splitlines() if line.startswith("  orderbase place"))
    _, *words = shlex.split(command)
    assert "is placed" in guest.run(*words).out
    assert len(guest.json("orders")) == 1


def test_a_key_of_another_order_says_which_one(guest: Cli, product: UUID) -> None:
    key = uuid4()
    order = guest.json("place", product, *BUYING, "--idempotency-key", key)
    said = guest.run("place", f"{product}=2", *BUYING, "--idempotency-key", key, exit_code=1)
    assert f"orderbase order {order['id']}" in said.err


def test_the_address_comes_from_a_file_options_or_the_address_book(
    cli: Cli, stack: Stack, product: UUID, tmp_path: Path
) -> None:
    cli.run("sign-up", new_email(), typed=f"{PASSWORD}\n")
    rest = ("--payment-method", "pm_card_visa", "--yes")
    assert "Where to?" in cli.run("place", product, *rest, exit_code=2).err
    said = cli.run("place", product, *rest, "--city", "Berlin", exit_code=2)
    assert "postal_code" in said.err
    file = tmp_path / "home.json"
    parts = {"name": "Ada", "line1": "x", "city": "Bonn", "postal_code": "1", "country": "DE"}
    file.write_text(json.dumps(parts), "utf-8")
    order = cli.json("place", product, *rest, "--address", file, "--city", "Berlin")
    assert order["shipping_address"] == parts | {"city": "Berlin", "line2": None, "region": None}
    country = ("--country", parts.pop("country"))
    file.write_text(json.dumps(parts), "utf-8")
    assert "country" in cli.run("place", product, *rest, "--address", file, exit_code=2).err
    order = cli.json("place", product, *rest, "--address", file, *country)
    assert order["shipping_address"]["country"] == "DE"
    file.write_text("[]", "utf-8")
    assert "object" in cli.run("place", product, *rest, "--address", file, exit_code=2).err
    address = Address.model_validate(parts | {"country": "DE"})
    with remembered(stack) as shop:
        shop.account.addresses.add(address)
        assert "Where to?" in cli.run("place", product, *rest, exit_code=2).err
        shop.account.addresses.add(address, default=True)
    assert cli.json("place", product, *rest)["shipping_address"]["city"] == "Bonn"


def test_orders_are_found_by_number_id_and_beginning(guest: Cli, product: UUID) -> None:
    order = place(guest, product)
    for name in (order["number"], order["id"], order["id"][:8]):
        assert f"Order {order['number']}" in guest.run("order", name).out
    shown = guest.json("order", order["number"])
    assert (shown["items"][0]["quantity"], shown["events"][0]["status"]) == (1, "placed")
    for name in ("999999999", "12", "nothing", "0" * 40, f"{order['id'][:4]}_", "%"):
        assert "order_not_found" in guest.run("order", name, exit_code=1).err


def test_a_beginning_that_several_orders_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alike = [UUID(f"feedbeef-0000-4000-8000-{number:012}") for number in range(2)]
    monkeypatch.setattr(
        Orders, "list", lambda *_, **__: [SimpleNamespace(id=twin) for twin in alike]
    )
    with Orderbase("http://127.0.0.1:9", "key") as shop, pytest.raises(InvalidRequest) as refusal:
        lookup.among(shop.orders, "feedbeef")
    assert refusal.value.code == "ambiguous_order"


def test_an_order_is_named_by_the_beginning_of_its_id_as_it_is_printed(
    guest: Cli, product: UUID
) -> None:
    order = place(guest, product)
    assert guest.json("order", order["id"][:13])["id"] == order["id"]
    assert "4 or more of its id" in guest.run("order", order["id"][:2], exit_code=1).err


def test_the_product_that_is_not_sold_is_named(guest: Cli, product: UUID) -> None:
    said = guest.run("place", product, "no-such", *BUYING, exit_code=1).err
    assert "'no-such'" in said


def test_orders_are_listed_by_status(guest: Cli, product: UUID) -> None:
    guest.run("place", product, *BUYING, "--watch")
    assert "completed" in guest.run("orders", "--status", "completed").out
    assert guest.json("orders", "--status", "cancelled", "--status", "paid", "--all") == []
    assert "not one of" in guest.run("orders", "--status", "lost", exit_code=2).err


def test_an_order_is_cancelled_or_says_why_not(
    guest: Cli, product: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = json.loads(guest.run("place", product, *BUYING, "--watch", "--json").out.split("\n")[0])
    assert "order_not_cancellable" in guest.run("cancel", order["number"], exit_code=1).err

    class Cancelling(AiohttpTransport):
        async def send(self, request: Request) -> Response:
            if request.url.endswith("/rpc/cancel_order"):
                return Response(200, json.dumps(order | changes).encode())
            return await super().send(request)

    monkeypatch.setattr(_client, "AiohttpTransport", Cancelling)
    changes = {"status": "cancelled", "ending": "cancelled"}
    assert "is cancelled" in guest.run("cancel", order["number"]).out
    changes = {"status": "paid", "ending": "cancelled"}
    assert "12.50 EUR go back first" in guest.run("cancel", order["number"]).out


async def test_someone_signs_in_with_the_code_of_a_mail(cli: Cli, stack: Stack) -> None:
    email = new_email()
    with cli.started("sign-in", "--code", email, stdin=subprocess.PIPE) as process:
        code = await StackWorld(stack).code_mailed_to(email)
        said, _ = await asyncio.to_thread(process.communicate, f"{code}\n", 20)
    assert email in said


@pytest.mark.parametrize("words", [("orders",), ("order", "1"), ("cancel", "1"), ("watch",)])
def test_who_is_not_signed_in_is_told_how(cli: Cli, words: tuple[str, ...]) -> None:
    assert "orderbase sign-in" in cli.run(*words, exit_code=1).err


def test_what_the_shop_says_cannot_command_the_terminal(guest: Cli, stack: Stack) -> None:
    hostile = create_product(stack, stock=3)
    rename(stack, hostile, HOSTILE)
    number = place(guest, hostile)["number"]
    for words in (
        *(("product", hostile), ("products", "cup", "--all"), ("order", number)),
        *(("product", hostile, "--json"), ("order", number, "--json")),
    ):
        said = guest.run(*words)
        assert_harmless(said.out + said.err)
    assert r"\x1b]0;owned\x07" in guest.run("product", hostile).out
    assert "[red]Cup[/red]" in guest.run("order", number).out
    assert guest.json("product", hostile)["name"] == HOSTILE


def assert_harmless(shown: str) -> None:
    assert not {char for char in shown if not char.isprintable()} - {"\n"}


def test_the_order_shows_the_price_of_the_country(guest: Cli, stack: Stack) -> None:
    product = create_product(stack, stock=3)
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "insert into product_prices (product_id, country, price, currency)"
            " values (%s, 'CH', 1500, 'CHF')",
            (product,),
        )
    swiss = [word.replace("DE", "CH") for word in BUYING[:-1]]
    assert "15.00 CHF" in guest.run("product", product, "--country", "CH").out
    said = guest.run("place", product, *swiss, typed="y\n")
    assert "Order for 15.00 CHF?" in said.err
    assert "15.00 CHF" in said.out
