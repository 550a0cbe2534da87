"""The template for SAM: whole, and in agreement with the functions. Nobody deploys it here."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.alone import REPOSITORY
from functions.aws.schedule import due
from tests.functions.test_main import APPS
from tests.project.test_functions_alone import FUNCTIONS

FOLDER = REPOSITORY / "deploy" / "aws"
Resource = dict[str, Any]


yaml: Any = importlib.import_module("yaml")  # it brings no types


@pytest.fixture(scope="module")
def template() -> Resource:
    """Of CloudFormation's short forms, as `!Ref`, the text is enough here."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda _loader, _tag, node: node.value)  # type: ignore[attr-defined]  # untyped
    parsed: Resource = yaml.load((FOLDER / "template.yaml").read_text("utf-8"), loader)
    return parsed


@pytest.fixture
def functions(template: Resource) -> dict[str, Resource]:
    """Properties by the function's name."""
    return {
        Path(one["Properties"]["CodeUri"]).name: one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Serverless::Function"
    }


def events(function: Resource, kind: str) -> list[Resource]:
    return [one["Properties"] for one in function["Events"].values() if one["Type"] == kind]


def test_every_function_is_deployed_with_its_own_handler(functions: dict[str, Resource]) -> None:
    assert set(functions) == set(FUNCTIONS)
    for name, function in functions.items():
        assert function["CodeUri"] == f"build/{name}"
        assert function["Handler"] == f"functions.aws.{name}.handler"
        handler = REPOSITORY / "functions" / "aws" / f"{name}.py"
        assert f"from functions.{name}.main import app" in handler.read_text("utf-8")
        assert name in (FOLDER / "pack").read_text("utf-8")


def test_every_path_leads_to_the_function_that_answers_it(functions: dict[str, Resource]) -> None:
    for name, function in functions.items():
        routes = {(one["Path"], one["Method"]) for one in events(function, "HttpApi")}
        if name == "api":
            assert routes == {("/{proxy+}", "ANY")}
        else:
            assert routes == {(path, "POST") for path in APPS[f"functions.{name}.main:app"]}


def test_messages_come_in_batches_and_fail_one_by_one(
    template: Resource, functions: dict[str, Resource]
) -> None:
    [source] = events(functions["orders"], "SQS")
    assert source["BatchSize"] == 10
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = template["Resources"]["Events"]["Properties"]
    timeout = template["Globals"]["Function"]["Timeout"]
    window = source["MaximumBatchingWindowInSeconds"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "DeadEvents.Arn",
        "maxReceiveCount": 3,
    }
    fortnight = 14 * 24 * 3600
    dead = template["Resources"]["DeadEvents"]["Properties"]
    assert queue["MessageRetentionPeriod"] == dead["MessageRetentionPeriod"] == fortnight


def test_schedules_say_which_run_they_stand_for(functions: dict[str, Resource]) -> None:
    ticks = [json.loads(one["Input"]) for one in events(functions["schedules"], "ScheduleV2")]
    at = "<aws.scheduler.scheduled-time>"
    assert [due(tick) for tick in ticks] == [("daily", at), ("hourly", at)]


def test_no_secret_is_in_the_template(template: Resource, functions: dict[str, Resource]) -> None:
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    for function in functions.values():
        variables = shared | function.get("Environment", {}).get("Variables", {})
        for name, value in variables.items():
            if name.endswith(("_KEY", "_SECRET", "SMTP_URL")) and "PUBLISHABLE" not in name:
                assert value.startswith("{{resolve:secretsmanager:")


def test_a_container_has_the_pinned_packages_of_one_function() -> None:
    text = (REPOSITORY / "deploy" / "functions" / "Dockerfile").read_text("utf-8")
    for needed in ("--require-hashes", "--constraints dev.txt", '--extra "${FUNCTION:?}"'):
        assert needed in text
    uv = next(
        line
        for line in (REPOSITORY / "pyproject.toml").read_text("utf-8").splitlines()
        if '"uv==' in line
    )
    assert uv.strip(' ",') in text
