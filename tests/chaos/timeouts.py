"""How an answer is lost at each point of each step."""

from tests.chaos.breaking import NOTIFY, Harm
from tests.chaos.cases import Case
from tests.chaos.shop import Row
from tests.chaos.workers import Worker

_PATHS = {
    "charge": "/v1/payment_intents",
    "capture": "/v1/payment_intents/",
    "refund": "/v1/refunds",
}
_FAULTS = {"before_call": "black_hole", "after_call": "charge_then_hang"}


async def arrange(case: Case) -> None:
    """Have the outside world lose it."""
    if case.point == "after_commit":
        return
    if case.step in _PATHS:
        await case.world.shop.set_faults(_fault(case))
    elif case.step == NOTIFY:
        case.world.mail.drop(
            "drop_before_data" if case.point == "before_call" else "drop_after_data"
        )


def harm_of(case: Case) -> Harm | None:
    """What a worker loses by itself."""
    if case.point == "after_commit":
        return "lose_reply"
    return "hang" if case.step == "ship" else None


async def assert_happened(case: Case, worker: Worker) -> None:
    """That the answer was lost: otherwise nothing was shown."""
    if harm_of(case):
        assert worker.has("broken")
    elif case.step == NOTIFY:
        assert case.world.mail.left == 0
    else:
        url = f"{case.world.settings.payments_url}/_faults"
        (fault,) = await case.world.shop.get(url)
        assert fault["times"] == 0
        await case.world.shop.set_faults()


def _fault(case: Case) -> Row:
    return {
        "mode": _FAULTS[case.point],
        "times": 1,
        "path": _PATHS[case.step],
        "method": "POST",
        "delay_seconds": 5,
    }
