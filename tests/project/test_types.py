"""The SDK's generated types cannot drift from the schema: CI runs `scripts/types --check`."""

import importlib.machinery
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from local_stack.postgres.server import migrated
from local_stack.settings import REPOSITORY, Settings
from scripts.typed_tables import KeyedTable, typed_tables

SCHEMA = """
PublicSize: TypeAlias = Literal["s", "l"]

class PublicGiftBoxes(BaseModel):
    id: uuid.UUID = Field(alias="id")
    size: Optional[PublicSize] = Field(alias="size")
    labels: List[str] = Field(alias="labels")
    seal: Optional[Bytea] = Field(alias="seal")
"""


@pytest.fixture(scope="module")
def types() -> ModuleType:
    path = str(REPOSITORY / "scripts" / "types")
    loader = importlib.machinery.SourceFileLoader("scripts_types", path)
    spec = importlib.util.spec_from_loader("scripts_types", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def database() -> Iterator[Settings]:
    with migrated() as settings:
        yield settings


def test_a_change_of_the_schema_fails_the_check(
    types: ModuleType, database: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    generated: Callable[[Settings], dict[Path, str]] = types.generated
    assert types.check(generated(database)) == 0
    with psycopg.connect(database.database_url()) as connection:
        connection.execute("alter table public.orders add column gift_note text")
    capsys.readouterr()
    assert types.check(generated(database)) == 1
    complaints = capsys.readouterr().err
    assert "schema.py" in complaints
    assert "tables.py" in complaints
    assert "make types" in complaints


def test_a_change_of_a_key_fails_the_check_as_pages_go_by_it(types: ModuleType) -> None:
    tables = [KeyedTable("gift_boxes", "", ("id",)), KeyedTable("gift_boxes", "", ("id", "size"))]
    one, other = (typed_tables(SCHEMA, [table]) for table in tables)
    assert one != other


def test_a_module_that_is_missing_fails_the_check(types: ModuleType) -> None:
    module = REPOSITORY / "no" / "such.py"
    assert types.check({module: ""}) == 1


def test_tables_have_the_types_of_values_that_are_there() -> None:
    written = typed_tables(SCHEMA, [KeyedTable("gift_boxes", 'Boxes of "gifts".', ("id",))])
    assert "class GiftBoxes(" in written
    for column, kind in {
        "id": "uuid.UUID", "size": "schema.PublicSize", "labels": "list[str]", "seal": "bytes"
    }.items():  # fmt: skip
        assert f"{column}: ClassVar[Column[schema.PublicGiftBoxes, {kind}]]" in written
    compile(written, "tables.py", "exec")
