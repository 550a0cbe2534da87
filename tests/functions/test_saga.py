"""The saga as data: its moves, and times that fit into each other."""

import inspect

from functions.orders.payments import Payments
from functions.orders.saga import SAGA

_LEASE = 60


def test_the_moves_of_an_order() -> None:
    assert SAGA.begins_in == "placed"
    assert SAGA.edges() == [
        ("completed", "refunded"),
        ("paid", "cancelled"),
        ("paid", "out_of_stock"),
        ("paid", "shipped"),
        ("paid", "shipping_failed"),
        ("placed", "cancelled"),
        ("placed", "paid"),
        ("placed", "payment_failed"),
        ("shipped", "completed"),
        ("shipped", "refunded"),
    ]


def test_what_takes_money_says_what_gives_it_back() -> None:
    steps = {step.name: step for step in SAGA.steps}
    taking = {name for name, step in steps.items() if step.service == "stripe"} - {"refund"}
    assert {steps[name].compensated_by for name in taking} == {"refund"}
    assert steps["refund"].compensated_by is None


def test_a_delivery_with_all_its_attempts_fits_into_a_lease() -> None:
    one_reply = inspect.signature(Payments).parameters["timeout"].default
    for step in SAGA.steps:
        retry = step.retry
        longest = [retry.first * retry.factor**n * (1 + retry.jitter) for n in range(2)]
        assert (retry.attempts, retry.first, retry.factor, retry.jitter) == (3, 2.0, 2.0, 0.2)
        assert retry.attempts * step.timeout + sum(longest) < _LEASE
        assert step.timeout > one_reply, "one reply that never comes is told by the client"
