from local_stack import migrate
from local_stack.settings import Settings


def test_the_official_cli_finds_nothing_left_to_apply(database: Settings) -> None:
    plan = migrate.supabase(database, "db", "push", "--include-seed", "--dry-run", "--yes")
    assert "up to date" in plan
    assert ".sql" not in plan
