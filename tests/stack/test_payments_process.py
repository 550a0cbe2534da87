"""The Stripe test double as its own process."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import stripe

from local_stack.ports import HOST, Ports
from local_stack.settings import REPOSITORY
from tests.stack.test_payments import API_KEY, CARD, WEBHOOK_SECRET, Answer

SECRETS = {"STRIPE_API_KEY": API_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}


def start(ledger: Path, port: int, *options: str, secrets: dict[str, str] = SECRETS) -> Answer:
    return subprocess.Popen(  # noqa: S603 - our own command
        [
            sys.executable,
            "-m",
            "local_stack.payments",
            "--port",
            str(port),
            "--ledger",
            ledger,
            *options,
        ],
        env={"PATH": os.environ["PATH"], **secrets},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("options", [[], ["--fast"]])
def test_nothing_is_forgotten_over_a_crash(tmp_path: Path, options: list[str]) -> None:
    ledger, port = tmp_path / "ledger.db", Ports.free().payments
    url = f"http://{HOST}:{port}"
    http: Answer = stripe.RequestsClient()
    client = stripe.StripeClient(API_KEY, base_addresses={"api": url}, http_client=http).v1
    params: Answer = {"amount": 700, "currency": "eur", "payment_method": "pm_card_visa", **CARD}

    process = start(ledger, port, *options)
    assert process.stdout.readline() == f"payments ready on {url}\n"
    intent = client.payment_intents.create(params, {"idempotency_key": "k1"})
    process.kill()
    assert process.communicate(timeout=10) == ("", "")

    process = start(ledger, port, *options)
    assert process.stdout.readline()
    assert client.payment_intents.create(params, {"idempotency_key": "k1"}).id == intent.id
    refund = client.refunds.create({"payment_intent": intent.id, "amount": 200})
    assert client.payment_intents.retrieve(intent.id).amount_received == 700
    http.close()
    with contextlib.closing(sqlite3.connect(ledger)) as reader:
        movements = "select type, amount, currency, source from balance_transactions"
        assert reader.execute(movements).fetchall() == [
            ("charge", 700, "eur", intent.latest_charge),
            ("refund", -200, "eur", refund.id),
        ]
    process.terminate()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("ledger", "secrets", "reason"),
    [
        ("ledger.db", {}, "set STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET"),
        ("text", SECRETS, "cannot be used: file is not a database"),
        ("missing/ledger.db", SECRETS, "cannot be used: unable to open"),
        ("ledger.db", SECRETS, "cannot listen on"),
    ],
)
def test_it_says_in_one_line_why_it_cannot_start(
    tmp_path: Path, ledger: str, secrets: dict[str, str], reason: str
) -> None:
    (tmp_path / "text").write_text("neither a database nor empty")
    with socket.create_server((HOST, 0)) as listener:
        process = start(tmp_path / ledger, listener.getsockname()[1], secrets=secrets)
        said, complaints = process.communicate(timeout=20)
    assert (said, process.returncode) == ("", 1)
    assert reason in complaints
    assert complaints.count("\n") == 1


def test_it_says_in_one_line_which_event_there_is_not(tmp_path: Path) -> None:
    process = start(tmp_path / "l.db", 1, "--webhook-events=refund.created,refund.made")
    assert process.communicate(timeout=20) == ("", "payments: no such event: refund.made.\n")
