"""Experiments: which arms there are, and what came of each."""

from datetime import datetime

from pydantic import AliasChoices, Field, JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, one, rpc, select
from orderbase.models.base import DEFERRED, Model
from orderbase.money import Money
from orderbase.staff._amounts import by_currency
from orderbase.staff._columns import columns_of
from orderbase.staff._resource import StaffResource

# Rarer than once in a thousand times by chance: as the database's own check.
_SKEWED_BELOW = 0.001


class ExperimentArm(Model, frozen=True):
    """An arm. `weight` is its share among its experiment's; 0 takes nobody new.

    `price_percent` is what a quote charges of the price: 50 to 100.
    """

    name: str
    weight: int
    price_percent: int


class Experiment(Model, frozen=True):
    """An experiment runs while it is active, between `started_at` and `ended_at`.

    `weighed_at` is when an arm last came, went or changed its weight. Arms are by name.
    """

    name: str
    description: str
    active: bool
    started_at: datetime
    ended_at: datetime | None
    weighed_at: datetime
    arms: tuple[ExperimentArm, ...]


class ArmResults(ExperimentArm, frozen=True):
    """What came of an arm: how many saw it, and how many orders they placed with a quote.

    `revenue_amounts` is the money that stayed with the shop, in minor units by currency.
    """

    name: str = Field(validation_alias=AliasChoices("name", "arm"))
    exposures: int
    orders: int
    revenue_amounts: dict[str, int] = Field(
        validation_alias="revenue", serialization_alias="revenue"
    )

    @property
    def revenue(self) -> dict[str, Money]:
        """The money that stayed with the shop, by currency."""
        return by_currency(self.revenue_amounts)


class ExperimentResults(Model, frozen=True):
    """What came of each arm, by name, and whether it means anything.

    `sample_ratio_p` is how probable it is that arms of these weights were seen as unequally as
    they were since `weighed_at`; None until 1000 have seen one.
    """

    arms: tuple[ArmResults, ...]
    sample_ratio_p: float | None

    @property
    def sample_ratio_mismatch(self) -> bool | None:
        """Whether arms were seen too unequally for chance: if so, the rest means nothing.

        None: too few have seen them to tell.
        """
        return None if self.sample_ratio_p is None else self.sample_ratio_p < _SKEWED_BELOW


_EXPERIMENTS = TypeAdapter(list[Experiment], config=DEFERRED)
_ROWS = TypeAdapter(list[dict[str, JsonValue]], config=DEFERRED)
_ARM_COLUMNS = columns_of(ExperimentArm)
_COLUMNS = (
    f"name,description,active,started_at,ended_at,weighed_at,arms:experiment_arms({_ARM_COLUMNS})"
)


def _list_experiments() -> Call[list[Experiment]]:
    params = {"order": "name", "arms.order": "name"}
    return select("experiments", _EXPERIMENTS.validate_json, _COLUMNS, params)


def _get_experiment(name: str) -> Call[Experiment]:
    parse = one(_EXPERIMENTS, "experiment_not_found", "There is no such experiment.")
    params = {"name": f"eq.{name}", "arms.order": "name"}
    return select("experiments", parse, _COLUMNS, params)


def _results(content: bytes) -> ExperimentResults:
    """Of one row per arm, each of which has the ratio of all."""
    arms = _ROWS.validate_json(content)
    ratio = arms[0]["sample_ratio_p"] if arms else None
    return ExperimentResults.model_validate({"arms": arms, "sample_ratio_p": ratio})


class AsyncExperiments(StaffResource):
    """The shop's experiments."""

    async def list(self) -> list[Experiment]:
        """All experiments, by name, with their arms."""
        return await self._call(_list_experiments())

    async def get(self, name: str) -> Experiment:
        """One experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        return await self._call(_get_experiment(name))

    async def results(self, name: str) -> ExperimentResults:
        """What came of each arm so far.

        Raises:
            NotFound: there is no such experiment.
        """
        return await self._call(rpc("experiment_results", _results, {"name": name}))


class Experiments(Blocking[AsyncExperiments]):
    """See AsyncExperiments: the same, and each method waits."""

    list = blocking(AsyncExperiments.list)
    get = blocking(AsyncExperiments.get)
    results = blocking(AsyncExperiments.results)
