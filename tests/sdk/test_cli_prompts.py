"""What the command asks at a terminal, and what it makes of the answers."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.conftest import Stack
from tests.sdk.cli import BUYING, Cli, at_terminal, place, read_until
from tests.sdk.live import create_product, new_email


@contextmanager
def asked(cli: Cli, question: str, *words: object) -> Iterator["tuple[subprocess.Popen[str], int]"]:
    """The command, and its terminal, when it has asked this."""
    with at_terminal(cli, *words) as (process, terminal):
        read_until(terminal, question)
        yield process, terminal


def interrupted(process: "subprocess.Popen[str]") -> int:
    """Press Ctrl-C until it ends: readline misses one that comes just before it waits."""
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(5)
    raise TimeoutError


def test_interrupting_a_question_is_not_an_answer(guest: Cli, stack: Stack) -> None:
    buying = ("place", create_product(stack, stock=9), *BUYING[:-1])
    for question, words in (("Order for", buying), ("all the same", ("sign-in", new_email()))):
        with asked(guest, question, *words) as (process, _):
            assert interrupted(process) == 130
    assert guest.json("orders") == []


def test_a_password_is_not_given_when_it_is_interrupted(cli: Cli) -> None:
    for words in ("sign-up", new_email()), ("sign-in", new_email()):
        with asked(cli, "Password: ", *words) as (process, _):
            assert interrupted(process) == 130


def test_a_refund_is_not_given_when_it_is_interrupted(cli: Cli, stack: Stack) -> None:
    words = ("place", create_product(stack, stock=9), *BUYING[:-3], "--yes", "--watch")
    password = f"{stack.environment['DEMO_PASSWORD']}\n"
    cli.run("sign-in", stack.environment["DEMO_STAFF_EMAIL"], typed=password)
    cli.run(*words)
    number = cli.json("orders", "--limit", 1)[0]["number"]
    refund = ("staff", "refund", number, "--reason", "x")
    with asked(cli, "Refund", *refund) as (process, _):
        assert interrupted(process) == 130
    assert cli.json(*refund, "--yes")["amount"] == 1250


@pytest.mark.parametrize("answer", [b"n\n", b"\n"])
def test_a_guest_who_is_not_sure_stays(guest: Cli, stack: Stack, answer: bytes) -> None:
    order = place(guest, create_product(stack, stock=9))
    with asked(guest, "all the same", "sign-in", new_email()) as (process, terminal):
        os.write(terminal, answer)
        assert process.wait(20) == 1
    assert [mine["number"] for mine in guest.json("orders")] == [order["number"]]


def test_a_guest_who_is_sure_is_asked_for_the_password(guest: Cli, stack: Stack) -> None:
    email, password = (stack.environment[name] for name in ("DEMO_STAFF_EMAIL", "DEMO_PASSWORD"))
    with asked(guest, "all the same", "sign-in", email) as (process, terminal):
        os.write(terminal, b"y\n")
        read_until(terminal, "Password: ")
        os.write(terminal, f"{password}\n".encode())
        read_until(terminal, "Signed in as")
        assert process.wait(20) == 0
    assert guest.json("whoami")["email"] == email
