"""Everything that will happen in a run, made from one number."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from functions.orders.saga import SAGA
from tests.chaos.breaking import NOTIFY, POINTS, Breakage
from tests.chaos.shop import Row

PROCESSES = 2
_LIFE = (0.25, 1.15)
"""Seconds, from the fork to the kill."""
_KINDS = {
    "plain": 58,
    "declined": 8,
    "cancelled": 10,
    "refunded": 6,
    "partly_refunded": 4,
    "unreachable": 5,
    "confirmed": 5,
    "not_confirmed": 2,
    "forgotten": 2,
}
"""What becomes of orders, out of a hundred."""


@dataclass(frozen=True)
class Life:
    """Of a functions process: killed after a while, or at a boundary if it gets there before.

    A few fall asleep at a boundary for longer than their lease, and go on for a while.
    """

    seconds: float
    breakage: Breakage | None


@dataclass(frozen=True)
class PlannedOrder:
    """An order, and what shopper or staff do with it later."""

    kind: str
    pause: float
    """Seconds before it is placed."""
    later: float
    """Seconds from then on, until something is done with it."""
    again: bool
    """The shopper does not trust the answer, and calls once more."""


@dataclass(frozen=True)
class Strike:
    """A fault of somebody else, for a time."""

    at: float
    """Seconds after the beginning."""
    kind: str
    seconds: float = 0.0
    faults: tuple[Row, ...] = ()
    """For the payment provider."""


@dataclass(frozen=True)
class Plan:
    """What one seed means."""

    seed: int
    lives: Sequence[Life]
    shoppers: Sequence[Sequence[PlannedOrder]]
    strikes: Sequence[Strike]


def make_plan(seed: int, *, orders: int, kills: int, shoppers: int = 12) -> Plan:
    """The same plan for the same numbers."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
    lives = [_life(chance) for _ in range(kills)]
    span = sum(life.seconds for life in lives) / PROCESSES
    pause = 0.9 * span * shoppers / orders
    planned = [_order(chance, pause) for _ in range(orders)]
    return Plan(
        seed=seed,
        lives=lives,
        shoppers=[planned[number::shoppers] for number in range(shoppers)],
        strikes=_strikes(chance, span),
    )


def _life(chance: random.Random) -> Life:
    seconds = chance.uniform(*_LIFE)
    kind = chance.random()
    if kind < 0.4:
        return Life(seconds, None)
    step = chance.choice([*(step.name for step in SAGA.steps), NOTIFY, *["any"] * 4])
    if kind < 0.46:
        return Life(1.5, Breakage(chance.choice(("charge", "any")), "before_call", "stop"))
    return Life(1.5, Breakage(step, chance.choice(POINTS), "kill", chance.randint(1, 3)))


def _order(chance: random.Random, pause: float) -> PlannedOrder:
    (kind,) = chance.choices(list(_KINDS), weights=list(_KINDS.values()))
    return PlannedOrder(
        kind=kind,
        pause=chance.uniform(0, 2 * pause),
        later=chance.uniform(0, 2.5),
        again=chance.random() < 0.2,
    )


_PROVIDER: tuple[tuple[Row, ...], ...] = (
    ({"mode": "charge_then_hang", "rate": 0.4, "delay_seconds": 10},),
    ({"mode": "charge_then_500", "rate": 0.4},),
    ({"mode": "refuse", "rate": 1.0},),
    ({"mode": "error_503", "rate": 0.7},),
    ({"mode": "slow", "rate": 0.5, "delay_seconds": 1.5},),
    ({"mode": "black_hole", "rate": 0.3, "delay_seconds": 10},),
    ({"mode": "garbage", "rate": 0.3}, {"mode": "rate_limit", "rate": 0.3}),
)


def _strikes(chance: random.Random, span: float) -> list[Strike]:
    """One after the other for the provider; the others whenever they like."""
    turns = [
        *(Strike(0, "provider", 0, faults) for faults in _PROVIDER),
        Strike(0, "provider_sleeps"),
    ]
    chance.shuffle(turns)
    rounds = max(1, round(span / 120))
    slot = 0.95 * span / (len(turns) * rounds)
    strikes = [
        Strike(number * slot + 0.3 * slot, turn.kind, 0.4 * slot, turn.faults)
        for number, turn in enumerate(turns * rounds)
    ]
    for kind, times, seconds in (
        ("postgres_crash", 3, 0.0),
        ("endpoint_down", 1, 4.0),
        ("mail_refused", 1, 4.0),
        ("mail_lost", 4, 0.0),
        ("mail_dropped", 2, 0.0),
        ("capture_later", 3, 0.1 * span / rounds),
    ):
        moments = (chance.uniform(0.05, 0.85) * span for _ in range(times * rounds))
        strikes += [Strike(moment, kind, seconds) for moment in moments]
    return sorted(strikes, key=lambda strike: strike.at)
