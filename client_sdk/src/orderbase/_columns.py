"""Tables as types: their columns, and the conditions and orders that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, get_args

from orderbase import _filters
from orderbase._facts import TABLES, Facts, R
from orderbase._keyset import Key

I = TypeVar("I", bound=Mapping[str, object])  # noqa: E741 - as R and U
U = TypeVar("U", bound=Mapping[str, object])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Condition(Generic[R]):
    """What must hold of a row. `&`, `|` and `~` join conditions."""

    text: str

    def __and__(self, other: Condition[R]) -> Condition[R]:
        return Condition(_filters.both([self.text, other.text]))

    def __or__(self, other: Condition[R]) -> Condition[R]:
        return Condition(_filters.either([self.text, other.text]))

    def __invert__(self) -> Condition[R]:
        return Condition(f"not.and({self.text})")

    def __bool__(self) -> NoReturn:
        raise TypeError("a condition is neither true nor false: join conditions by & and |")


@dataclass(frozen=True, slots=True)
class Ordering(Key, Generic[R]):
    """An order of rows: see Column.ascending and Column.descending."""


class Column(Generic[R, T]):  # noqa: PLW1641 - equality is a condition
    """A column, whose comparisons are conditions on rows.

        tables.Orders.status == "paid"
        tables.Orders.total.between(1000, 5000)

    A comparison is never true of a row that has no value (null) there: see `is_null`.

    Raises:
        InvalidRequest: "invalid_value": of a comparison with what the column cannot hold, such as
            a moment without a time zone; "invalid_order_by": it holds JSON or arrays.
    """

    __slots__ = ("_facts", "name")

    def __init__(self, facts: Facts[R], name: str) -> None:
        self._facts = facts
        self.name = name

    def __eq__(self, value: T) -> Condition[R]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a condition
        return self._compared("eq", value)

    def __ne__(self, value: T) -> Condition[R]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a condition
        return self._compared("neq", value)

    def __lt__(self, value: T) -> Condition[R]:
        return self._compared("lt", value)

    def __le__(self, value: T) -> Condition[R]:
        return self._compared("lte", value)

    def __gt__(self, value: T) -> Condition[R]:
        return self._compared("gt", value)

    def __ge__(self, value: T) -> Condition[R]:
        return self._compared("gte", value)

    def between(self, least: T, most: T) -> Condition[R]:
        """Both ends count."""
        return (self >= least) & (self <= most)

    def in_(self, values: Iterable[T]) -> Condition[R]:
        """One of these; of none, if there are none."""
        several = _filters.several(self.name, values)
        written = [self._facts.written(self.name, value) for value in several]
        return Condition(_filters.one_of(self.name, written))

    def is_null(self) -> Condition[R]:
        """There is no value."""
        return Condition(f"{self.name}.is.null")

    def like(self: Column[R, str], pattern: str) -> Condition[R]:
        r"""SQL's LIKE: `%` stands for anything, `_` for one character; `\` takes that from them."""
        return Condition(_filters.like(self.name, pattern, any_case=False))

    def ilike(self: Column[R, str], pattern: str) -> Condition[R]:
        """See `like`; capitals are as good as small letters."""
        return Condition(_filters.like(self.name, pattern, any_case=True))

    def contains(self, part: T) -> Condition[R]:
        """An array has all of these elements, or JSON this part of it."""
        return self._compared("cs", part)

    def ascending(self, *, nulls_first: bool = False) -> Ordering[R]:
        """The smallest come first."""
        return self._ordered(descending=False, nulls_first=nulls_first)

    def descending(self, *, nulls_first: bool = False) -> Ordering[R]:
        """The largest come first."""
        return self._ordered(descending=True, nulls_first=nulls_first)

    def _compared(self, operator: str, value: object) -> Condition[R]:
        written = self._facts.written(self.name, value)
        return Condition(_filters.compared(self.name, operator, written))

    def _ordered(self, *, descending: bool, nulls_first: bool) -> Ordering[R]:
        self._facts.check_place(self.name)
        nullable = self._facts.nullable(self.name)
        return Ordering(self.name, descending, nulls_first, nullable)


class Table(Generic[R, I, U]):
    """A table of the database, or a view: a type that is never made.

    Those of the shop are in `orderbase.tables`. One of your own is made the same way:

        class Gifts(Table[Gift, GiftInsert, GiftUpdate], name="gifts", key=("id",)):
            id: ClassVar[Column[Gift, UUID]]

    Args:
        name: of the table, in the schema that REST serves.
        key: the columns of its primary key.
    """

    _facts: ClassVar[Facts[Any]]

    def __init_subclass__(cls, *, name: str, key: tuple[str, ...]) -> None:
        if not key:
            raise TypeError("a table has a primary key: rows have no order without it")
        base, *_ = cls.__orig_bases__  # type: ignore[attr-defined] # of every generic class
        facts = cls._facts = TABLES[name] = Facts(name, get_args(base)[0], key)
        for column in facts.row.model_fields:
            setattr(cls, column, Column(facts, column))


def facts_of(table: type[Table[R, I, U]]) -> Facts[R]:
    """What is known about a table."""
    return table._facts  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module
