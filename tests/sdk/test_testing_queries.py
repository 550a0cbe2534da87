"""The fake reads PostgREST's queries as PostgREST does."""

from urllib.parse import parse_qsl, quote

import pytest

from orderbase.testing._queries import Query, show
from orderbase.testing._refusals import Refusal
from orderbase.testing._store import Row

ROWS: list[Row] = [
    {"id": "a", "n": 1, "text": "Oak, board", "on": True, "ended_at": None},
    {"id": "b", "n": 2, "text": 'say "hi"', "on": False, "ended_at": "2026-01-01T01:00:00+01:00"},
    {"id": "c", "n": 10, "text": "50% off", "on": True, "ended_at": "2026-01-02T00:00:00+00:00"},
]


def found(query: str) -> str:
    """Ids of what is answered."""
    asked = Query.of(parse_qsl(quote(query, safe="=&"), keep_blank_values=True))
    return "".join(row["id"] for row in asked.page(asked.matching(ROWS)))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "abc"),
        ("n=eq.10", "c"),
        ("n=neq.10", "ab"),
        ("n=gt.1", "bc"),
        ("n=gte.2&n=lt.10", "b"),
        ("n=lte.2", "ab"),
        ("n=not.eq.2", "ac"),
        ("n=in.(1,10)", "ac"),
        ("n=not.in.(1,10)", "b"),
        ('id=in.("a","c")', "ac"),
        ("id=in.()", ""),
        ("text=eq.Oak, board", "a"),
        ('and=(text.eq."Oak, board")', "a"),
        ('text=eq."Oak, board"', ""),
        ('text=in.("x\\\\","Oak, board")', "a"),
        ('text=in.("Oak, board",x)', "a"),
        ('text=eq.say "hi"', "b"),
        ("on=is.true", "ac"),
        ("on=eq.false", "b"),
        ("ended_at=is.null", "a"),
        ("ended_at=not.is.null", "bc"),
        ("ended_at=eq.2026-01-01T00:00:00Z", "b"),
        ("ended_at=gt.2026-01-01T00:00:00+00:00", "c"),
        ("ended_at=not.gt.2026-01-01T00:00:00+00:00", "b"),
        ("or=(n.eq.1,n.eq.10)", "ac"),
        ("or=(n.eq.1,and(n.gt.1,on.is.true))", "ac"),
        ("and=(n.gt.1,or(on.is.true,id.eq.b))", "bc"),
        ("not.or=(n.eq.1,n.eq.10)", "b"),
        ("and=(not.or(n.eq.1,n.eq.10))", "b"),
        ("or=(ended_at.gt.2026-01-01T12:00:00Z,n.eq.1)", "ac"),
        ("not.and=(ended_at.gt.2026-01-01T12:00:00Z,n.gt.5)", "ab"),
        ("text=like.Oak*", "a"),
        ("text=ilike.oak%25", "a"),
        ("text=like.50\\%25 off", "c"),
        ("text=like.___ _hi_", "b"),
        ("text=match.^[0-9]", "c"),
        ("text=imatch.^OAK", "a"),
        ("order=n.desc", "cba"),
        ("order=on.desc,n", "acb"),
        ("order=ended_at", "bca"),
        ("order=ended_at.desc", "acb"),
        ("limit=1&offset=1", "b"),
        ("order=n.desc&limit=2", "cb"),
    ],
)
def test_rows_are_chosen_and_sorted(query: str, ids: str) -> None:
    assert found(query.replace("%25", "%")) == ids


@pytest.mark.parametrize(
    "query",
    ["n=adj.1", "on=is.unknown", "order=n.nullsfirst", "select=n::float", "select=a->b", "x=eq.1"],
)
def test_what_is_not_known_is_said(query: str) -> None:
    with pytest.raises(Refusal, match="does not know"):
        found(query)


def test_columns_are_named_and_embedded() -> None:
    tables: dict[str, list[Row]] = {
        "orders": [{"id": "o"}, {"id": "p"}],
        "order_items": [
            {"order_id": "o", "product_id": "x", "quantity": 2},
            {"order_id": "o", "product_id": "y", "quantity": 3},
        ],
        "products": [{"id": "x", "name": "Cup"}],
    }

    def shown(query: str) -> list[Row | None]:
        asked = Query.of(parse_qsl(query))
        return [show(tables.__getitem__, "orders", row, asked) for row in tables["orders"]]

    lines = "lines:order_items(q:quantity,n:quantity::text,product:products(name))"
    assert shown(f"select=id,{lines}") == [
        {
            "id": "o",
            "lines": [
                {"q": 2, "n": "2", "product": {"name": "Cup"}},
                {"q": 3, "n": "3", "product": None},
            ],
        },
        {"id": "p", "lines": []},
    ]
    assert shown("select=order_items!inner(quantity)&order_items.quantity=gt.2") == [
        {"order_items": [{"quantity": 3}]},
        None,
    ]
    ordered = "select=lines:order_items(quantity)&lines.order=quantity.desc&lines.limit=1"
    assert shown(ordered) == [{"lines": [{"quantity": 3}]}, {"lines": []}]
