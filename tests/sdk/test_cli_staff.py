"""`orderbase staff` against the whole stack."""

import json
from uuid import UUID, uuid4

import pytest

from orderbase import ConnectionFailed, Request, Response, _client
from orderbase._http import AiohttpTransport
from tests.conftest import Stack
from tests.sdk.cli import BUYING, Cli
from tests.sdk.live import create_product


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


@pytest.fixture
def staff(cli: Cli, stack: Stack) -> Cli:
    sign_in(cli, stack)
    return cli


def sign_in(cli: Cli, stack: Stack, *options: str) -> None:
    password = f"{stack.environment['DEMO_PASSWORD']}\n"
    cli.run("sign-in", *options, stack.environment["DEMO_STAFF_EMAIL"], typed=password)


def bought(cli: Cli, product: UUID) -> int:
    """The number of an order that is completed."""
    cli.run("place", product, *BUYING[:-3], "--yes", "--watch")
    number: int = cli.json("orders", "--limit", 1)[0]["number"]
    return number


def test_money_goes_back_after_a_yes(staff: Cli, product: UUID) -> None:
    number = bought(staff, product)
    refund = ("staff", "refund", number, "--reason", "a scratch")
    said = staff.run(*refund, "--amount", "5.00", typed="y\n")
    assert f"Refund 5.00 EUR of order {number}?" in said.err
    assert f"5.00 EUR of order {number} go back" in said.out
    staff.run(*refund, typed="n\n", exit_code=1)
    assert staff.json(*refund, "--yes")["amount"] == 750
    assert "nothing_to_refund" in staff.run(*refund, "--yes", exit_code=1).err
    for amount in ("x", "1.005", "NaN", "-1", "1e9", "1.", "9" * 13):
        assert "not an amount" in staff.run(*refund, "--amount", amount, exit_code=2).err


def test_a_refund_whose_answer_is_lost_says_how_to_find_out(
    staff: Cli, product: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(AiohttpTransport):
        async def send(self, request: Request) -> Response:
            answer = await super().send(request)
            if request.url.endswith("/rpc/refund_order"):
                raise ConnectionFailed("lost")
            return answer

    number, key = bought(staff, product), uuid4()
    words = ("staff", "refund", number, "--reason", "x", "--amount", "1", "--yes")
    monkeypatch.setattr(_client, "AiohttpTransport", Losing)
    said = staff.run(*words, "--idempotency-key", key, exit_code=1)
    monkeypatch.undo()
    assert f"orderbase staff refund {number}" in said.err
    assert str(key) in said.err


def test_parcels_and_dead_letters_are_refused_with_a_reason(staff: Cli, product: UUID) -> None:
    number = bought(staff, product)
    parcel = ("--carrier", "dhl", "--tracking-number", uuid4().hex)
    assert "order_not_shippable" in staff.run("staff", "ship", number, *parcel, exit_code=1).err
    assert "is completed" in staff.run("staff", "deliver", number).out
    assert staff.json("staff", "deliver", number)["status"] == "completed"
    assert isinstance(staff.json("staff", "dead-letters", "--resolved"), list)
    staff.run("staff", "dead-letters")
    for verb in ("retry", "give-up"):
        said = staff.run("staff", verb, 999_999_999, exit_code=1)
        assert "dead_letter_not_found" in said.err


def test_an_order_of_somebody_else_is_named_as_the_list_shows_it(
    staff: Cli, stack: Stack, product: UUID
) -> None:
    staff.run("sign-out")
    staff.run("sign-in", "--guest")
    staff.run("place", product, *BUYING, "--watch")
    sign_in(staff, stack, "--yes")
    shown = staff.json("staff", "orders", "--limit", 1)[0]
    assert staff.json("orders", "--limit", 1) != [shown]
    for name in (shown["number"], shown["id"][:8]):
        assert staff.json("order", name)["id"] == shown["id"]
        assert "order_not_cancellable" in staff.run("cancel", name, exit_code=1).err
        with staff.started("watch", name, "--json") as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["order_id"] == shown["id"]


def test_it_is_for_staff_only(staff: Cli, product: UUID) -> None:
    number = bought(staff, product)
    assert str(number) in staff.run("staff", "orders", "--status", "completed").out
    assert number in [order["number"] for order in staff.json("staff", "orders", "--all")]
    staff.run("sign-out")
    staff.run("sign-in", "--guest")
    for words in (("orders",), ("deliver", number), ("dead-letters",)):
        assert "staff_only" in staff.run("staff", *words, exit_code=1).err
