"""Every defence that is proven by a mutant. docs/defences.md shows this table."""

from tests.mutants.mutant import Mutant

_MIGRATIONS = "supabase/migrations/"

MUTANTS = (
    Mutant(
        "no sweeper",
        "Every 10 s the sweeper wakes queues that hold messages",
        _MIGRATIONS + "20261101000700_queues.sql",
        "select cron.schedule('orderbase-sweep', '10 seconds', 'select private.sweep()');",
        "",
        "tests/end_to_end/test_outage.py::test_orders_whose_wake_ups_are_lost_are_swept_up",
    ),
)
