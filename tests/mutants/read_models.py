"""Defences of the generic queues, the read models and the hourly metrics."""

from tests.mutants.mutant import Mutant

_MIGRATIONS = "supabase/migrations/2026110100"
_WORK = _MIGRATIONS + "1230_work.sql"
_MODELS = _MIGRATIONS + "1700_read_models.sql"
_HOURS = _MIGRATIONS + "1710_hourly_metrics.sql"
_TESTS = "tests/database/"

READ_MODELS = (
    Mutant(
        "no fence of work",
        "In any queue, a result counts only from the latest start",
        _WORK,
        "    and starts = (result ->> 'starts')::integer and in_hand\n",
        "    and in_hand\n",
        _TESTS + "test_work.py::test_a_worker_that_was_taken_over_changes_nothing",
    ),
    Mutant(
        "work fails twice",
        "In any queue, a result that is said twice counts once",
        _WORK,
        "::integer and in_hand\n",
        "::integer\n",
        _TESTS + "test_work.py::test_a_result_that_is_said_twice_counts_once",
    ),
    Mutant(
        "books before message",
        "Everybody locks a message before its books",
        _WORK,
        "  using array(\n    select (value ->> 'message_id')::bigint from jsonb_array_elements(results)\n",
        "  using array(\n    select 0::bigint from jsonb_array_elements(results)\n",
        _TESTS
        + "test_work.py::test_a_late_result_and_a_new_start_never_wait_for_each_other_for_ever",
    ),
    Mutant(
        "work kills for ever",
        "In any queue, bounded starts of a message that kills its worker",
        _WORK,
        "if started.starts - started.forgiven > policy.max_starts then",
        "if false then",
        _TESTS
        + "test_work.py::test_a_message_that_kills_its_worker_is_a_dead_letter_after_so_many_starts",
    ),
    Mutant(
        "failures kill",
        "In any queue, a start that came to a result counts towards no limit of starts",
        _WORK,
        "    forgiven = known.forgiven + 1,\n",
        "",
        _TESTS + "test_work.py::test_failures_are_counted_as_failures_and_not_as_dead_workers",
    ),
    Mutant(
        "postponed work costs",
        "In any queue, what was not tried costs no attempt",
        _WORK,
        "    failures = known.failures + failed::integer,\n",
        "    failures = known.failures + 1,\n",
        _TESTS + "test_work.py::test_what_was_not_tried_costs_no_attempt_however_often",
    ),
    Mutant(
        "cause is lost",
        "An error while recording is kept as the cause of the dead letter",
        _WORK,
        "update private.attempts set last_error = left(sqlerrm, 500)",
        "update private.attempts set last_error = null",
        _TESTS + "test_work.py::test_an_error_that_never_ends_is_the_cause_of_its_dead_letter",
    ),
    Mutant(
        "events count again",
        "Each event counts once in the read models, however often its message comes",
        _MODELS,
        "    on conflict do nothing\n    returning event_id\n",
        "    on conflict (event_id) do update set event_id = excluded.event_id returning event_id\n",
        _TESTS + "test_counting_once.py::test_a_message_that_comes_twice_counts_once",
    ),
    Mutant(
        "counted without fence",
        "A worker that was taken over counts nothing",
        _MODELS,
        "      and attempt.starts = (value ->> 'starts')::integer\n",
        "",
        _TESTS
        + "test_counting_once.py::test_a_result_of_a_worker_that_was_taken_over_counts_nothing",
    ),
    Mutant(
        "message outlives counting",
        "An event is counted and its message removed in one transaction",
        _MODELS,
        "  perform pgmq.delete('analytics', held);\n",
        "",
        _TESTS
        + "test_counting_once.py::test_an_event_is_counted_and_its_message_removed_in_one_transaction",
    ),
    Mutant(
        "batch counts whole",
        "One event that cannot be counted leaves its neighbours alone",
        _MODELS,
        "      return query select private.finish_work('analytics', applied);\n",
        "      raise;\n",
        _TESTS
        + "test_counting_once.py::test_one_event_that_cannot_be_counted_leaves_its_neighbours_alone",
    ),
    Mutant(
        "previous status forgotten",
        "A count loses what another gains, in whatever order events come",
        _MODELS,
        ", (fact.previous_status, -1)) as change",
        ") as change",
        _TESTS + "test_counting_once.py::test_events_may_be_counted_in_any_order",
    ),
    Mutant(
        "late money is a refund",
        "Money that came too late is no sale and no refund",
        _MODELS,
        "    where order_id = ordered and type = 'order.paid' and version < by_version);",
        "    where order_id = ordered);",
        _TESTS + "test_read_models.py::test_money_that_came_too_late_is_no_sale_and_no_refund",
    ),
    Mutant(
        "rebuild forgets what it counted",
        "An event that a rebuild has counted is not counted again when its message comes",
        _MODELS,
        "    perform private.count_events(some_events);\n  end loop;",
        "    perform private.count_events(some_events);\n  end loop;\n  delete from private.counted_events;",
        _TESTS
        + "test_counting_once.py::test_an_event_whose_message_waits_is_counted_by_a_rebuild_and_never_again",
    ),
    Mutant(
        "rebuild beside counting",
        "A rebuild and those who count wait for each other",
        _MODELS,
        "  truncate private.counted_events;",
        "  delete from private.counted_events;",
        _TESTS + "test_counting_once.py::test_a_rebuild_and_those_who_count_wait_for_each_other",
    ),
    Mutant(
        "any reader of sales",
        "Only the staff read the sales",
        _MODELS,
        "  perform private.check_staff();\n",
        "",
        _TESTS + "test_read_models.py::test_the_summary_adds_the_days_and_names_the_best_sellers",
    ),
    Mutant(
        "hours without horizon",
        "An event of a slow transaction is not skipped by the hourly metrics",
        _HOURS,
        "  horizon := pg_snapshot_xmin(pg_current_snapshot());",
        "  horizon := pg_snapshot_xmax(pg_current_snapshot());",
        _TESTS + "test_hourly_metrics.py::test_an_event_of_a_slow_transaction_is_never_skipped",
    ),
    Mutant(
        "hours twice at once",
        "Those who aggregate at the same time share the work",
        _HOURS,
        "where name = 'hours' for update;",
        "where name = 'hours';",
        _TESTS + "test_hourly_metrics.py::test_those_who_aggregate_at_the_same_time_share_the_work",
    ),
    Mutant(
        "hours count again",
        "What was added to its hour is not added again",
        _HOURS,
        "  update private.watermarks set reached = before where name = 'hours';\n",
        "",
        _TESTS + "test_hourly_metrics.py::test_what_happened_is_in_its_hour_once",
    ),
    Mutant(
        "transactions are split",
        "A batch of the hourly metrics ends where a transaction does",
        _HOURS,
        "    where xid > (\n      select xid",
        "    where xid >= (\n      select xid",
        _TESTS
        + "test_hourly_metrics.py::test_many_events_are_taken_in_batches_and_no_transaction_is_split",
    ),
    Mutant(
        "measured again",
        "A measurement is added once",
        _HOURS,
        "    delete from private.measurements\n    where id in (select id from private.measurements order by id limit 10000)\n    returning date_trunc('hour', at, 'UTC') as hour, metric, label\n",
        "    select date_trunc('hour', at, 'UTC') as hour, metric, label from private.measurements\n",
        _TESTS + "test_hourly_metrics.py::test_what_happened_is_in_its_hour_once",
    ),
    Mutant(
        "everything happens now",
        "What comes late is added to its own hour",
        _HOURS,
        "date_trunc('hour', event.created_at, 'UTC') as hour",
        "date_trunc('hour', clock_timestamp(), 'UTC') as hour",
        _TESTS + "test_hourly_metrics.py::test_what_comes_late_goes_to_its_own_hour",
    ),
)
