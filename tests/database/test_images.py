"""Uploads, images and files agree, in whatever order events and results come."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.postgres.cluster import SUPERUSER
from local_stack.settings import Settings
from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import Line, connected, wait_until_blocked
from tests.webhooks.shop import Hooks

HOUR_AGO = "clock_timestamp() - interval '61 minutes'"
DELETING = "select set_config('storage.allow_delete_query', 'true', false)"


@dataclass
class Shelf:
    """Storage, as its rows tell of it, and the function that makes images."""

    line: Line
    product: str

    def put(self, name: str, version: str = "", **more: object) -> str:
        """Store a file, or replace one; gives its version."""
        version = version or uuid.uuid4().hex
        self.line.rows(
            "insert into storage.objects (bucket_id, name, version, metadata, user_metadata)"
            " values ('product-uploads', %s, %s, '{}', %s)"
            " on conflict (bucket_id, name) do update set version = excluded.version",
            f"{self.product}/{name}",
            version,
            Jsonb(more),
        )
        return version

    def take(self, name: str, bucket: str = "product-uploads") -> None:
        path = name if "/" in name else f"{self.product}/{name}"
        self.line.rows(DELETING)
        self.line.rows(
            "delete from storage.objects where bucket_id = %s and name = %s", bucket, path
        )

    def move(self, name: str, other: str) -> None:
        self.line.rows(
            "update storage.objects set name = %s where name = %s",
            f"{self.product}/{other}",
            f"{self.product}/{name}",
        )

    def claim(self, wanted: int = 10) -> list[Row]:
        return self.line.call("claim_images", wanted)

    def finish(self, *results: Row) -> list[str]:
        return [row["status"] for row in self.line.call("finish_images", list(results))]

    def made(self, job: Row, content: str = "a") -> Row:
        """The result of a job: its files are stored; the same content has the same names."""
        variants = [
            {
                "width": w,
                "height": w,
                "format": f,
                "path": self.path(f"{content}-{w}.{f}"),
                "bytes": 9,
            }
            for w in (800, 200)
            for f in ("webp", "jpeg")
        ]
        for variant in variants:
            self.store(str(variant["path"]))
        data: Row = {"version": job["version"], "width": 1600, "height": 1200, "colour": "#dc1e1e"}
        data |= {"placeholder": "data:image/webp;base64,AA==", "path": variants[1]["path"]}
        return job | {"outcome": "processed", "data": data | {"variants": variants, "labels": []}}

    def store(self, path: str) -> None:
        """A file of the shop's, that is kept if it is there."""
        self.line.rows(
            "insert into storage.objects (bucket_id, name, version, metadata)"
            " values ('product-images', %s, 'v', '{}') on conflict (bucket_id, name) do nothing",
            path,
        )

    def path(self, name: str) -> str:
        return f"{self.product}/{name}"

    def work(self, *contents: str) -> list[str]:
        """Do all that is due; the steps that were done. `contents` are those of the uploads."""
        steps = []
        waiting = list(contents)
        while jobs := self.claim():
            for job in jobs:
                steps.append(job["step"])
                if job["step"] == "process":
                    result = self.made(job, waiting.pop(0) if waiting else "a")
                else:
                    result = self.removed(job)
                assert self.finish(result) == ["finished"]
        return steps

    def removed(self, job: Row) -> Row:
        for path in job["paths"]:
            self.take(path, "product-images")
        return job | {"outcome": "removed", "data": {}}

    def uploads(self) -> dict[str, str]:
        """Status by name."""
        rows = self.line.rows(
            "select name, status from public.product_uploads where product_id = %s", self.product
        )
        return {row["name"].partition("/")[2]: row["status"] for row in rows}

    def images(self) -> list[Row]:
        query = "select * from public.product_images where product_id = %s order by position"
        return self.line.rows(query, self.product)

    def files(self) -> set[str]:
        """Names of what the shop shows of this product."""
        rows = self.line.rows(
            "select name from storage.objects where bucket_id = 'product-images'"
            " and name like %s || '/%%'",
            self.product,
        )
        return {row["name"].partition("/")[2] for row in rows}

    def mend(self) -> Row:
        """What one batch of the task did; `more` only if there is more."""
        done: Row = self.line.one("select private.mend_images() as done")["done"]
        return done if done.pop("more") is False else done | {"more": True}


FILES = {"a-800.webp", "a-800.jpeg", "a-200.webp", "a-200.jpeg"}


def files_of(content: str) -> set[str]:
    return {name.replace("a-", f"{content}-") for name in FILES}


@pytest.fixture
def shelf(line: Line) -> Iterator[Shelf]:
    """Of a product of its own; nothing is left on any shelf."""
    yield Shelf(line, line.new_product(stock=0))
    line.rows(DELETING)
    line.rows("delete from storage.objects")


def test_an_upload_becomes_an_image(shelf: Shelf) -> None:
    version = shelf.put("cup.jpg", alt="A red cup")
    assert shelf.uploads() == {"cup.jpg": "queued"}
    [job] = shelf.claim()
    assert (job["step"], job["bucket"], job["version"]) == ("process", "product-uploads", version)
    assert (job["name"], job["product_id"]) == (shelf.path("cup.jpg"), shelf.product)
    assert shelf.finish(shelf.made(job)) == ["finished"]
    [image] = shelf.images()
    assert (image["path"], image["alt"], image["position"]) == (
        shelf.path("a-800.jpeg"),
        "A red cup",
        0,
    )
    assert (image["width"], image["height"], image["colour"]) == (1600, 1200, "#dc1e1e")
    assert len(image["variants"]) == 4
    assert shelf.uploads() == {"cup.jpg": "processed"}
    assert shelf.claim() == []


def test_the_event_names_the_image_and_its_product(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    shelf.finish(shelf.made(job))
    [event] = shelf.line.rows("select type, subject from private.outbox")
    [image] = shelf.images()
    assert event["type"] == "image.processed"
    subject = event["subject"]
    assert (subject["image_id"], subject["product_id"]) == (str(image["id"]), shelf.product)


def test_endpoints_are_told_of_a_picture_once_and_not_of_one_that_is_gone(
    shelf: Shelf, hooks: Hooks
) -> None:
    endpoint = hooks.create("image.processed")
    for name in ("cup.jpg", "pot.jpg"):
        shelf.put(name)
    shelf.work("a", "b")
    shelf.line.rows("select private.route_events()")
    shelf.line.rows("select pgmq.send('webhooks', message) from pgmq.q_webhooks order by msg_id")
    shelf.line.rows("delete from public.product_images where position = 1")
    [job] = hooks.claim()
    [image] = shelf.images()
    told = json.loads(job["body"])
    assert (told["type"], told["data"]["image"]["id"]) == ("image.processed", str(image["id"]))
    assert told["data"]["image"]["variants"] == image["variants"]
    assert [row["type"] for row in hooks.deliveries(endpoint)] == ["image.processed"]
    assert shelf.line.messages("webhooks") == []


def test_images_are_in_the_order_in_which_they_came(shelf: Shelf) -> None:
    for name in ("one", "two", "three"):
        shelf.put(name)
    shelf.work("a", "b", "c")
    assert [image["position"] for image in shelf.images()] == [0, 1, 2]


def test_a_removed_upload_takes_its_image_and_its_files_along(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    assert shelf.files() == FILES
    shelf.take("cup.jpg")
    assert (shelf.images(), shelf.uploads()) == ([], {})
    assert shelf.work() == ["remove"]
    assert shelf.files() == set()


def test_files_that_another_upload_needs_stay(shelf: Shelf) -> None:
    shelf.put("one.jpg")
    shelf.put("two.jpg")
    shelf.work("a", "a")
    shelf.take("one.jpg")
    assert shelf.work() == []
    assert shelf.files() == FILES
    shelf.take("two.jpg")
    assert shelf.work() == ["remove"]
    assert shelf.files() == set()


def test_a_replaced_upload_keeps_its_image_and_drops_the_old_files(shelf: Shelf) -> None:
    shelf.put("cup.jpg", alt="A cup")
    shelf.work("a")
    [before] = shelf.images()
    shelf.put("cup.jpg")
    assert shelf.uploads() == {"cup.jpg": "queued"}
    assert shelf.images() == [before]
    assert shelf.work("b") == ["process", "remove"]
    [after] = shelf.images()
    assert (after["id"], after["alt"]) == (before["id"], "A cup")
    assert shelf.files() == files_of("b")


def test_new_content_that_is_the_old_keeps_the_files(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work("a")
    shelf.put("cup.jpg")
    assert shelf.work("a") == ["process"]
    assert shelf.files() == FILES


def test_a_moved_upload_is_removed_there_and_new_here(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    shelf.move("cup.jpg", "mug.jpg")
    assert shelf.uploads() == {"mug.jpg": "queued"}
    shelf.work()
    assert len(shelf.images()) == 1
    assert shelf.files() == FILES


def test_a_deleted_product_takes_all_along(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    shelf.line.rows("delete from public.products where id = %s", shelf.product)
    assert (shelf.images(), shelf.uploads()) == ([], {})
    assert shelf.work() == ["remove"]
    assert shelf.files() == set()


# Order and repetition


def test_an_event_that_repeats_does_nothing(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    for _ in range(3):
        [row] = shelf.line.call("note_object", "product-uploads", shelf.path("cup.jpg"))
        assert row == {"news": False}
    shelf.line.rows(
        "insert into private.outbox (type, subject) select 'object.created',"
        " jsonb_build_object('upload_id', id) from public.product_uploads, generate_series(1, 3)"
    )
    assert shelf.work() == []
    assert len(shelf.images()) == 1
    assert shelf.line.messages("images") == []


def test_removed_before_created_is_nothing(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.take("cup.jpg")
    assert shelf.claim() == []
    assert shelf.line.messages("images") == []


def test_events_in_any_order_see_what_is_there(shelf: Shelf) -> None:
    """S3 tells what happened late, twice, and in another order."""
    name = shelf.path("cup.jpg")
    shelf.put("cup.jpg")
    for removed in (True, False, True):
        shelf.line.rows("select engine.note_object('product-uploads', %s, %s)", name, removed)
    assert shelf.work() == ["process"]
    shelf.take("cup.jpg")
    shelf.line.rows("select engine.note_object('product-uploads', %s, false)", name)
    assert (shelf.uploads(), shelf.images()) == ({}, [])


def test_a_result_for_older_content_does_not_count(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [old] = shelf.claim()
    shelf.put("cup.jpg")
    [new] = shelf.claim()
    assert shelf.finish(shelf.made(new, "new")) == ["finished"]
    assert shelf.finish(shelf.made(old, "old")) == ["finished"]
    assert shelf.work() == ["remove"]
    [image] = shelf.images()
    assert image["path"] == shelf.path("new-800.jpeg")
    assert shelf.files() == files_of("new")


def test_a_refusal_of_older_content_does_not_count(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [old] = shelf.claim()
    shelf.put("cup.jpg")
    assert shelf.finish(refused(old)) == ["finished"]
    assert shelf.work() == ["process"]
    assert shelf.uploads() == {"cup.jpg": "processed"}


def test_a_result_for_a_removed_upload_leaves_no_files(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    shelf.take("cup.jpg")
    assert shelf.finish(shelf.made(job)) == ["finished"]
    assert shelf.images() == []
    assert shelf.work() == ["remove"]
    assert shelf.files() == set()


def test_a_result_that_is_said_twice_counts_once(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    result = shelf.made(job)
    assert shelf.finish(result) == ["finished"]
    assert shelf.finish(result) == ["lost"]
    assert len(shelf.line.rows("select 1 from private.outbox")) == 1


def test_a_worker_whose_lease_ran_out_changes_nothing(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [slow] = shelf.claim()
    shelf.line.rows("update pgmq.q_images set vt = clock_timestamp()")
    [quick] = shelf.claim()
    assert shelf.finish(shelf.made(slow, "slow")) == ["lost"]
    assert shelf.images() == []
    renewed = shelf.line.call("renew_images", [slow, quick])
    assert [row["status"] for row in renewed] == ["lost", "renewed"]
    assert shelf.finish(shelf.made(quick)) == ["finished"]


def test_files_that_were_removed_while_an_image_came_to_need_them_are_made_again(
    shelf: Shelf,
) -> None:
    shelf.put("one.jpg")
    shelf.work("a")
    shelf.take("one.jpg")
    [removal] = shelf.claim()
    shelf.put("two.jpg")
    [job] = shelf.claim()
    result = shelf.made(job, "a")
    late = shelf.removed(removal)
    # Whoever comes last sees that they are gone.
    assert shelf.finish(result, late) == ["finished", "finished"]
    assert shelf.uploads() == {"two.jpg": "queued"}
    assert shelf.work("a") == ["process"]
    assert shelf.files() == FILES
    assert shelf.uploads() == {"two.jpg": "processed"}


def test_the_same_if_the_image_was_there_first(shelf: Shelf) -> None:
    shelf.put("one.jpg")
    shelf.work("a")
    shelf.take("one.jpg")
    [removal] = shelf.claim()
    shelf.put("two.jpg")
    [job] = shelf.claim()
    assert shelf.finish(shelf.made(job, "a")) == ["finished"]
    assert shelf.finish(shelf.removed(removal)) == ["finished"]
    assert shelf.uploads() == {"two.jpg": "queued"}
    assert shelf.work("a") == ["process"]
    assert shelf.files() == FILES


def test_the_same_if_the_removal_was_done_first(shelf: Shelf) -> None:
    shelf.put("one.jpg")
    shelf.work("a")
    shelf.take("one.jpg")
    [removal] = shelf.claim()
    shelf.put("two.jpg")
    [job] = shelf.claim()
    result = shelf.made(job, "a")
    assert shelf.finish(shelf.removed(removal)) == ["finished"]
    assert shelf.finish(result) == ["finished"]
    assert shelf.uploads() == {"two.jpg": "queued"}
    assert shelf.work("a") == ["process"]
    assert shelf.files() == FILES


# Refusals, failures, strange messages


def refused(job: Row, reason: str = "damaged") -> Row:
    data = {"version": job["version"], "reason": reason, "text": "The file is damaged."}
    return job | {"outcome": "refused", "data": data}


def test_a_refusal_is_recorded_and_the_upload_stays(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    assert shelf.finish(refused(job)) == ["finished"]
    [upload] = shelf.line.staff.query(
        "select status, reason, explanation from public.product_uploads where product_id = %s",
        shelf.product,
    )
    assert upload == {
        "status": "refused",
        "reason": "damaged",
        "explanation": "The file is damaged.",
    }
    assert shelf.images() == []
    shelf.put("cup.jpg")
    shelf.work()
    assert shelf.uploads() == {"cup.jpg": "processed"}


def test_a_picture_that_is_replaced_by_none_is_shown_no_more(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    shelf.finish(refused(job))
    assert shelf.images() == []
    assert shelf.work() == ["remove"]


def test_failures_are_counted_and_end_as_a_dead_letter(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    for _ in range(5):
        shelf.line.rows("update pgmq.q_images set vt = clock_timestamp()")
        [job] = shelf.claim()
        shelf.finish(job | {"outcome": "retry", "error": "Storage answered with status 503"})
    assert shelf.claim() == []
    [letter] = shelf.line.letters()
    assert (letter["queue"], letter["reason"]) == ("images", "too_many_failures")
    shelf.line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    assert shelf.work() == ["process"]


def test_a_worker_that_dies_each_time_is_not_tried_for_ever(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    for _ in range(5):
        shelf.line.rows("update pgmq.q_images set vt = clock_timestamp()")
        assert len(shelf.claim()) == 1
    shelf.line.rows("update pgmq.q_images set vt = clock_timestamp()")
    assert shelf.claim() == []
    [letter] = shelf.line.letters()
    assert letter["reason"] == "too_many_starts"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "order.placed"},
        {"type": "object.created", "upload_id": "no uuid"},
        {"type": "images.unused", "paths": "no list"},
    ],
)
def test_a_strange_message_does_not_stop_the_others(shelf: Shelf, message: Row) -> None:
    shelf.line.rows("select pgmq.send('images', %s)", Jsonb(message))
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    assert job["step"] == "process"
    [letter] = shelf.line.letters()
    assert (letter["reason"], letter["message"]) == ("unknown_event", message)


def test_an_unknown_outcome_is_an_error_and_changes_nothing(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    odd = job | {"outcome": "eaten", "data": {"version": job["version"]}}
    assert shelf.finish(odd) == ["error"]
    assert shelf.uploads() == {"cup.jpg": "queued"}


def test_an_upload_that_has_not_ended_is_not_looked_at(shelf: Shelf) -> None:
    shelf.line.rows(
        "insert into storage.objects (bucket_id, name) values ('product-uploads', %s)",
        shelf.path("cup.jpg"),
    )
    assert shelf.uploads() == {}
    shelf.put("cup.jpg")
    shelf.line.rows("update storage.objects set metadata = '{}'")
    assert shelf.uploads() == {"cup.jpg": "queued"}


def test_other_buckets_and_folders_are_none_of_our_business(shelf: Shelf) -> None:
    shelf.store(shelf.path("cup.jpg"))
    for folder in (uuid.uuid4(), "no-uuid", shelf.product.upper()):
        shelf.line.rows(
            "insert into storage.objects (bucket_id, name, version, metadata)"
            " values ('product-uploads', %s, 'v', '{}')",
            f"{folder}/cup.jpg",
        )
    assert shelf.line.rows("select 1 from private.outbox") == []


def test_an_upload_never_fails_for_what_we_make_of_it(shelf: Shelf) -> None:
    shelf.line.rows("alter table private.outbox rename to elsewhere")
    try:
        shelf.put("cup.jpg")
    finally:
        shelf.line.rows("alter table private.elsewhere rename to outbox")
    assert shelf.uploads() == {}
    assert shelf.mend()["noted"] == 1
    assert shelf.work() == ["process"]


# What the clock mends


@pytest.fixture
def unheard(shelf: Shelf, database: Settings) -> Iterator[Shelf]:
    """A shelf whose changes nobody hears of: no trigger runs."""
    with connected(database.database_url(SUPERUSER), SUPERUSER, {}) as silent:
        silent.execute("set session_replication_role = replica")
        yield replace(shelf, line=replace(shelf.line, owner=silent))


def test_the_clock_finds_what_nobody_told(shelf: Shelf, unheard: Shelf) -> None:
    unheard.put("new.jpg")
    assert shelf.mend() == {"noted": 1, "remade": 0, "unused": 0}
    assert shelf.work() == ["process"]
    unheard.put("new.jpg")
    assert shelf.mend()["noted"] == 1
    assert shelf.work() == ["process"]
    unheard.take("new.jpg")
    assert shelf.mend()["noted"] == 1
    assert shelf.images() == []
    assert shelf.work() == ["remove"]
    assert shelf.mend() == {"noted": 0, "remade": 0, "unused": 0}


def test_the_clock_has_lost_files_made_again(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    shelf.take(shelf.path("a-200.webp"), "product-images")
    assert shelf.mend() == {"noted": 0, "remade": 1, "unused": 0}
    assert shelf.work() == ["process"]
    assert shelf.files() == FILES


def test_the_clock_removes_files_that_nobody_needs_and_that_are_not_new(
    shelf: Shelf, unheard: Shelf
) -> None:
    shelf.put("cup.jpg")
    shelf.work("a")
    for number in range(150):
        shelf.store(shelf.path(f"stray-{number}.webp"))
    assert shelf.mend()["unused"] == 0
    unheard.line.rows(f"update storage.objects set updated_at = {HOUR_AGO}")
    assert shelf.mend()["unused"] == 150
    jobs = shelf.claim()
    assert sorted(len(job["paths"]) for job in jobs) == [50, 100]
    shelf.finish(*[shelf.removed(job) for job in jobs])
    assert shelf.files() == FILES


def test_the_clock_leaves_pictures_alone_that_were_put_there_by_hand(
    shelf: Shelf, unheard: Shelf
) -> None:
    path = shelf.path("by-hand.jpg")
    shelf.store(path)
    shelf.line.rows(
        "insert into public.product_images (product_id, path) values (%s, %s)", shelf.product, path
    )
    unheard.line.rows(f"update storage.objects set updated_at = {HOUR_AGO}")
    assert shelf.mend()["unused"] == 0
    shelf.line.rows("delete from public.product_images where path = %s", path)
    assert shelf.mend()["unused"] == 1


def test_the_clock_mends_a_shop_of_any_size_in_batches(shelf: Shelf, unheard: Shelf) -> None:
    unheard.line.rows(
        "insert into storage.objects (bucket_id, name, version, metadata, updated_at)"
        " select 'product-images', '!' || lpad(n::text, 4, '0'), 'v', '{}', %s::timestamptz"
        " from generate_series(1, 5001) as n",
        "2020-01-01",
    )
    unheard.put("cup.jpg")
    assert shelf.mend() == {"noted": 0, "remade": 0, "unused": 5000, "more": True}
    assert shelf.mend() == {"noted": 1, "remade": 0, "unused": 1}
    assert shelf.mend() == {"noted": 0, "remade": 0, "unused": 5000, "more": True}
    assert shelf.mend()["unused"] == 1


# Who may


def test_staff_upload_into_folders_of_products_and_nobody_else_anywhere(
    database: Settings, shelf: Shelf, new_user: Callable[..., Caller]
) -> None:
    upload = (
        "insert into storage.objects (bucket_id, name, version, metadata)"
        " values (%s, %s, 'v', '{}')"
    )
    mine, strange = shelf.path("cup.jpg"), f"{uuid.uuid4()}/cup.jpg"
    staff, anyone = shelf.line.staff, Caller(database.database_url(), "anon", {"role": "anon"})
    staff.query(upload, "product-uploads", mine)
    for caller, bucket, name in (
        (staff, "product-uploads", strange),
        (staff, "product-uploads", "cup.jpg"),
        (staff, "product-images", mine),
        (new_user(), "product-uploads", shelf.path("mine.jpg")),
        (new_user(), "product-images", shelf.path("mine.jpg")),
        (anyone, "product-uploads", shelf.path("mine.jpg")),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.query(upload, bucket, name)
    seen = "select 1 from storage.objects where bucket_id = 'product-uploads'"
    assert [len(caller.query(seen)) for caller in (staff, new_user(), anyone)] == [1, 0, 0]


def test_nobody_lists_the_files_of_the_shop(
    database: Settings, shelf: Shelf, new_user: Callable[..., Caller]
) -> None:
    """A public bucket is read by name; a policy would show all of it."""
    shelf.store(shelf.path("a-800.webp"))
    anyone = Caller(database.database_url(), "anon", {"role": "anon"})
    for caller in (anyone, new_user(), shelf.line.staff):
        seen = "select 1 from storage.objects where bucket_id = 'product-images'"
        assert caller.query(seen) == []


def test_staff_replace_and_remove_but_move_nothing_out(shelf: Shelf) -> None:
    shelf.put("cup.jpg")
    staff, name = shelf.line.staff, shelf.path("cup.jpg")
    staff.query("update storage.objects set version = 'w' where name = %s", name)
    for change in ("bucket_id = 'product-images'", f"name = '{uuid.uuid4()}/cup.jpg'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            staff.query(f"update storage.objects set {change} where name = %s", name)
    with staff.connection() as connection:
        connection.execute("select set_config('storage.allow_delete_query', 'true', true)")
        connection.execute("delete from storage.objects where name = %s", (name,))
    assert shelf.uploads() == {}


def test_the_buckets_take_pictures_only_and_one_is_private(line: Line) -> None:
    rows = line.rows("select * from storage.buckets where id like 'product-%%' order by id")
    assert [(row["id"], row["public"], row["file_size_limit"]) for row in rows] == [
        ("product-images", True, 20 << 20),
        ("product-uploads", False, 20 << 20),
    ]
    for row in rows:
        assert row["allowed_mime_types"]
        assert all(kind.startswith("image/") for kind in row["allowed_mime_types"])
        assert "image/svg+xml" not in row["allowed_mime_types"]


def test_images_of_what_is_not_on_sale_are_not_seen(
    database: Settings, shelf: Shelf, new_user: Callable[..., Caller]
) -> None:
    shelf.put("cup.jpg")
    shelf.work()
    seen = "select path, alt, position from public.product_images where product_id = %s"
    anyone = Caller(database.database_url(), "anon", {"role": "anon"})
    assert len(anyone.query(seen, shelf.product)) == 1
    shelf.line.rows("update public.products set active = false where id = %s", shelf.product)
    assert anyone.query(seen, shelf.product) == []
    assert len(shelf.line.staff.query(seen, shelf.product)) == 1


def test_staff_describe_images_and_order_them(shelf: Shelf) -> None:
    shelf.put("one.jpg")
    shelf.put("two.jpg")
    shelf.work("a", "b")
    first, second = shelf.images()
    staff = shelf.line.staff
    [row] = staff.call("public.describe_image", image_id=first["id"], alt="Front", place=5)
    assert (row["alt"], row["position"]) == ("Front", 5)
    assert [image["id"] for image in shelf.images()] == [second["id"], first["id"]]
    [row] = staff.call("public.describe_image", image_id=first["id"])
    assert (row["alt"], row["position"]) == ("Front", 5)
    with pytest.raises(RefusedError) as refused_call:
        staff.call("public.describe_image", image_id=first["id"], alt="x" * 501)
    assert (refused_call.value.status, refused_call.value.code) == (422, "alt_too_long")
    with pytest.raises(RefusedError) as refused_call:
        staff.call("public.describe_image", image_id=uuid.uuid4())
    assert (refused_call.value.status, refused_call.value.code) == (404, "image_not_found")


@pytest.mark.parametrize("place", [2**31 - 1, 1_000_001, -1_000_001])
def test_a_picture_is_not_put_where_none_can_follow(shelf: Shelf, place: int) -> None:
    shelf.put("one.jpg")
    shelf.work()
    [image] = shelf.images()
    describe = "public.describe_image"
    with pytest.raises(RefusedError) as refused_call:
        shelf.line.staff.call(describe, image_id=image["id"], place=place)
    assert (refused_call.value.status, refused_call.value.code) == (422, "invalid_position")
    shelf.line.staff.call(describe, image_id=image["id"], place=1_000_000)
    shelf.put("two.jpg")
    assert shelf.work("b") == ["process"]
    assert [image["position"] for image in shelf.images()] == [1_000_000, 1_000_001]


def test_an_alt_text_is_kept_until_the_upload_says_another(shelf: Shelf) -> None:
    shelf.put("cup.jpg", alt="x" * 600)
    shelf.work("a")
    [image] = shelf.images()
    assert image["alt"] == "x" * 500
    shelf.line.staff.call("public.describe_image", image_id=image["id"], alt="Written by staff")
    shelf.line.rows("update storage.objects set user_metadata = null")
    shelf.put("cup.jpg")
    shelf.work("b")
    assert shelf.images()[0]["alt"] == "Written by staff"


def test_a_replacement_and_a_result_at_once_end_with_the_new_content(
    shelf: Shelf, database: Settings
) -> None:
    shelf.put("cup.jpg")
    [job] = shelf.claim()
    result = shelf.made(job, "old")
    pid = shelf.line.functions.info.backend_pid
    with (
        connected(database.database_url(), "postgres", {}) as storage,
        ThreadPoolExecutor(1) as pool,
    ):
        with storage.transaction():
            storage.execute("update storage.objects set version = 'new'")
            finishing = pool.submit(shelf.finish, result)
            wait_until_blocked(shelf.line.owner, pid)
        assert finishing.result() == ["finished"]
    assert shelf.images() == []
    assert shelf.work("new") in (["process", "remove"], ["remove", "process"])
    assert shelf.files() == files_of("new")


def test_uploads_and_images_are_seen_live(line: Line) -> None:
    rows = line.rows(
        "select 1 from pg_publication_tables where pubname = 'supabase_realtime'"
        " and tablename in ('product_uploads', 'product_images')"
    )
    assert len(rows) == 2


def test_events_hold_ids_and_no_names(shelf: Shelf) -> None:
    shelf.put("private name.jpg")
    rows = shelf.line.rows("select subject from private.outbox")
    assert "private name" not in json.dumps([row["subject"] for row in rows])
