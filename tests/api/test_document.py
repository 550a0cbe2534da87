"""The document that describes the API: complete, stable, and of nothing else."""

import re
from collections.abc import Iterator

import jsonschema_rs
import pytest

from tests.api.calling import Json, Person

OPERATIONS = {
    "getMe", "updateMe", "getMyPreferences", "updateMyPreferences",
    "listUsers", "createUser", "getUser", "updateUser", "deactivateUser", "reactivateUser",
    "listOrders", "createOrder", "getOrder", "cancelOrder",
    "listProducts", "createProduct", "getProduct", "updateProduct", "deactivateProduct",
    "getPricing", "createQuote", "getExperiment",
}  # fmt: skip
_BOUNDS = {"maxLength", "pattern", "enum", "format"}
PUBLIC = {"listProducts", "getProduct", "getPricing", "getExperiment"}


@pytest.fixture(scope="module")
async def document(nobody: Person) -> Json:
    return (await nobody.get("/openapi.json")).body


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path in document["paths"].values():
        yield from path.items()


async def test_every_operation_has_a_name_for_ever(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    named = [operation["operationId"] for _, operation in operations(document)]
    assert set(named) == OPERATIONS
    assert len(named) == len(OPERATIONS)


async def test_machines_paths_are_not_in_it(document: Json) -> None:
    for path in document["paths"]:
        assert not re.search("wake|stripe|health|metrics|changed|openapi", path)


async def test_every_operation_says_what_it_does_and_who_may(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for _, operation in operations(document):
        name = operation["operationId"]
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert bool(operation.get("security")) is (name not in PUBLIC)
    assert list(document["components"]["securitySchemes"]) == ["accessToken"]


async def test_every_error_is_a_problem(document: Json) -> None:
    reference = {"$ref": "#/components/schemas/Problem"}
    for method, operation in operations(document):
        answers = operation["responses"]
        for status, answer in answers.items():
            if int(status) >= 400:
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == reference
                assert content["example"]["status"] == int(status)
        expected = {"422", "429", "503"}
        if operation.get("security"):
            expected |= {"401"}
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
        if method in ("patch", "delete") and "me" not in operation["tags"]:
            expected |= {"404", "412", "428"}
        assert expected <= answers.keys(), operation["operationId"]


async def test_every_body_refuses_what_it_does_not_know(document: Json) -> None:
    schemas = document["components"]["schemas"]
    for _, operation in operations(document):
        if "requestBody" in operation:
            assert list(operation["requestBody"]["content"]) == ["application/json"]
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            assert schemas[reference.rpartition("/")[2]]["additionalProperties"] is False


async def test_every_parameter_has_bounds(document: Json) -> None:
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
            for kind in kinds:
                if kind.get("type") == "integer":
                    assert {"minimum", "maximum"} <= kind.keys()
                elif kind.get("type") == "string" and parameter["in"] == "query":
                    assert _BOUNDS & kind.keys(), parameter["name"]


async def test_names_are_in_camel_case(document: Json) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name != "Problem":
            for field in schema.get("properties", {}):
                assert re.fullmatch("[a-z][A-Za-z0-9]*", field), (name, field)


async def test_schemas_are_valid_and_examples_fit_them(document: Json) -> None:
    schemas = document["components"]["schemas"]
    found = 0
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate(schema)
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        validator = jsonschema_rs.Draft202012Validator(whole)
        for example in schema.get("examples", []):
            validator.validate(example)
            found += 1
    assert found >= 10
    for _, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            name = body["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name].get("examples"), name
