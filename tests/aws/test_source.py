"""Events are told apart by their shape."""

import pytest

from functions.aws.source import Event, Source, UnknownEvent, source_of
from tests.aws.documents import NAMES, document

EXPECTED = {
    "http_api": Source.HTTP,
    "function_url": Source.HTTP,
    "rest_api": Source.HTTP,
    "load_balancer": Source.HTTP,
    "sqs": Source.SQS,
    "sqs_fifo": Source.SQS,
    "s3_created": Source.S3,
    "s3_removed": Source.S3,
    "s3_test": Source.S3,
    "eventbridge_rule": Source.SCHEDULE,
    "scheduler": Source.SCHEDULE,
    "scheduler_input": Source.SCHEDULE,
}


@pytest.mark.parametrize("name", NAMES)
def test_each_documented_event_has_its_source(name: str) -> None:
    assert source_of(document(name)) is EXPECTED[name]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "secret"}}]},
        {"Records": [{"eventSource": "aws:dynamodb"}]},
        {"Records": document("sqs")["Records"] + document("s3_created")["Records"]},
        {"source": "aws.ec2", "detail-type": "secret"},
        {"Event": "s3:Other"},
    ],
)
def test_any_other_is_refused_without_telling_what_it_holds(event: Event) -> None:
    with pytest.raises(UnknownEvent) as refused:
        source_of(event)
    assert "secret" not in str(refused.value)
    for member in event:
        assert member in str(refused.value)
