"""The back office's models cannot drift from the tables, nor from what the verbs return."""

import re
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from pydantic import BaseModel, JsonValue, SecretStr

from orderbase import schema
from orderbase.staff import (
    Alarm,
    ArmResults,
    DailySales,
    DeadLetter,
    DeadLetterResolution,
    Experiment,
    ExperimentArm,
    HourlyReport,
    JobHealth,
    JobRun,
    JobRunStatus,
    NewWebhookEndpoint,
    Report,
    ReportKind,
    SalesSummary,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryStatus,
    WebhookDisabledReason,
    WebhookEndpoint,
)
from orderbase.staff._columns import column_of
from tests.sdk.staff.conftest import Owner

Model = type[BaseModel]

TABLES: list[tuple[Model, Model]] = [
    (Alarm, schema.PublicAlarms),
    (JobRun, schema.PublicJobRuns),
    (WebhookEndpoint, schema.PublicWebhookEndpoints),
    (WebhookDelivery, schema.PublicWebhookDeliveries),
    (WebhookAttempt, schema.PublicWebhookAttempts),
    (Experiment, schema.PublicExperiments),
    (ExperimentArm, schema.PublicExperimentArms),
    (DailySales, schema.PublicDailySales),
    (Report, schema.PublicReports),
]
VERBS: list[tuple[Model, str]] = [
    (DeadLetter, "dead_letters"),
    (JobHealth, "job_health"),
    (NewWebhookEndpoint, "create_webhook_endpoint"),
    (SalesSummary, "sales_summary"),
    (HourlyReport, "hourly_report"),
    (ArmResults, "experiment_results"),
]
CHOICES: list[tuple[object, str, str]] = [
    (DeadLetterResolution, "private.dead_letters", "resolution"),
    (JobRunStatus, "public.job_runs", "status"),
    (WebhookDeliveryStatus, "public.webhook_deliveries", "status"),
    (ReportKind, "public.reports", "kind"),
]
# What a type of Postgres is in Python.
READ_AS: dict[str, object] = {
    "bigint": int, "integer": int, "numeric": float, "double precision": float, "boolean": bool,
    "text": str, "uuid": UUID, "date": date, "timestamp with time zone": datetime,
    "jsonb": JsonValue,
}  # fmt: skip
RESULT = """
select name, format_type(type, null) as type
from pg_proc, unnest(proargnames, proallargtypes, proargmodes) as argument (name, type, mode)
where pronamespace = 'public'::regnamespace and proname = %s and mode = 't'
"""
CHECKS = """
select pg_get_constraintdef(oid) as text from pg_constraint
where conrelid = %s::regclass and contype = 'c'
"""


@pytest.mark.parametrize(("model", "row"), TABLES)
def test_a_field_is_a_column_of_the_same_type(model: Model, row: Model) -> None:
    types = get_type_hints(row)
    fields = {name: kind for name, kind in _fields(model).items() if name != "arms"}
    for name, kind in fields.items():
        assert (_plain(kind), _optional(kind)) == (_plain(types[name]), _optional(types[name]))


@pytest.mark.parametrize(("model", "verb"), VERBS)
def test_a_field_is_a_column_of_the_verb_s_result(owner: Owner, model: Model, verb: str) -> None:
    result = {row["name"]: READ_AS[row["type"]] for row in owner.execute(RESULT, (verb,))}
    result.pop("sample_ratio_p", None)  # of all arms
    assert {name: _plain(kind) for name, kind in _fields(model).items()} == result


@pytest.mark.parametrize(("choice", "table", "column"), CHOICES)
def test_a_choice_is_what_the_column_allows(
    owner: Owner, choice: object, table: str, column: str
) -> None:
    assert set(get_args(choice)) == _allowed(owner, table, column)


def test_deleted_endpoints_are_never_seen(owner: Owner) -> None:
    reasons = _allowed(owner, "public.webhook_endpoints", "disabled_reason")
    assert set(get_args(WebhookDisabledReason)) == reasons - {"deleted"}


def _allowed(owner: Owner, table: str, column: str) -> set[str]:
    texts = [row["text"] for row in owner.execute(CHECKS, (table,))]
    [check] = [text for text in texts if text.startswith(f"CHECK (({column} = ANY")]
    return set(re.findall(r"'(\w+)'::text", check))


def _fields(model: Model) -> dict[str, object]:
    """Types by column."""
    types = get_type_hints(model)
    return {column_of(name, field): types[name] for name, field in model.model_fields.items()}


def _optional(kind: object) -> bool:
    return NoneType in get_args(kind)


def _plain(kind: object) -> object:
    """What it is in the database, null aside."""
    if kind is JsonValue or kind is SecretStr:
        return str if kind is SecretStr else JsonValue
    if get_origin(kind) in (Union, UnionType):
        [kind] = [one for one in get_args(kind) if one is not NoneType]
        return _plain(kind)
    if get_origin(kind) is Literal:
        return str
    if get_args(kind) in ((str, ...), (str,)):
        return list[str]
    return JsonValue if get_origin(kind) in (dict, tuple) else kind
