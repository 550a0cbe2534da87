"""Events of files: names are decoded as forms are, and what is of no interest is left alone."""

import pytest

from functions.aws.s3 import note
from tests.aws.databases import Notes
from tests.aws.documents import document

FOLDER = "00000000-0000-4000-8000-000000000001"


async def test_a_file_is_noted_by_its_real_name() -> None:
    database = Notes()
    await note(database, document("s3_created"))
    name = f"{FOLDER}/café front+1.png"
    expected = {"bucket": "product-uploads", "name": name, "removed": False}
    assert database.calls == [("note_object", expected)]


@pytest.mark.parametrize("kind", ["ObjectRemoved:Delete", "LifecycleExpiration:Delete"])
async def test_a_file_that_has_gone_is_noted_as_such(kind: str) -> None:
    database, event = Notes(), document("s3_removed")
    event["Records"][0]["eventName"] = kind
    await note(database, event)
    [(_, said)] = database.calls
    assert (said["name"], said["removed"]) == (f"{FOLDER}/front.png", True)


async def test_a_bucket_may_say_whose_it_is() -> None:
    database, event = Notes(), document("s3_created")
    event["Records"][0]["s3"]["bucket"]["name"] = "orderbase-123456789012--product-uploads"
    await note(database, event)
    assert database.calls[0][1]["bucket"] == "product-uploads"


async def test_each_record_counts_but_other_kinds_do_not() -> None:
    [record] = document("s3_created")["Records"]
    others = [{**record, "eventName": kind} for kind in ("ObjectAcl:Put", "ObjectTagging:Put")]
    database = Notes()
    await note(database, {"Records": [record, *others, record]})
    assert len(database.calls) == 2


async def test_the_test_of_a_configuration_does_nothing() -> None:
    database = Notes()
    await note(database, document("s3_test"))
    assert database.calls == []
