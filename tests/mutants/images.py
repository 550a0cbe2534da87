"""Defences of the pictures: their work, and decoding what strangers made."""

from tests.mutants.mutant import Mutant

_MIGRATIONS = "supabase/migrations/2026110100172"
_POLICIES = _MIGRATIONS + "0_images.sql"
_EVENTS = _MIGRATIONS + "1_image_events.sql"
_WORK = _MIGRATIONS + "2_image_work.sql"
_CODE = "functions/images/"
_DATABASE_TESTS = "tests/database/test_images.py::"
_TESTS = "tests/images/"

IMAGES = (
    Mutant(
        "older content counts",
        "A picture counts only for the content that is there now",
        _WORK,
        "  if made ->> 'version' is distinct from upload.version then",
        "  if upload.id is null then",
        _DATABASE_TESTS + "test_a_result_for_older_content_does_not_count",
    ),
    Mutant(
        "replaced meanwhile",
        "A replacement and a result wait for each other",
        _WORK,
        "(message ->> 'upload_id')::uuid for update;",
        "(message ->> 'upload_id')::uuid;",
        _DATABASE_TESTS + "test_a_replacement_and_a_result_at_once_end_with_the_new_content",
    ),
    Mutant(
        "shared files go",
        "A file that another picture needs is not removed",
        _WORK,
        "    where not private.is_used(path);",
        "    ;",
        _DATABASE_TESTS + "test_files_that_another_upload_needs_stay",
    ),
    Mutant(
        "pictures by hand go",
        "A file of a picture that was put there by hand is not removed",
        _WORK,
        "    where path = file or variants",
        "    where variants",
        _DATABASE_TESTS + "test_the_clock_leaves_pictures_alone_that_were_put_there_by_hand",
    ),
    Mutant(
        "files gone meanwhile",
        "A picture whose files were removed while it was made is made again",
        _WORK,
        "  perform private.remake_images(jsonb_path_query_array(made, '$.variants[*].path'));\n",
        "",
        _DATABASE_TESTS + "test_the_same_if_the_removal_was_done_first",
    ),
    Mutant(
        "uploads fail with us",
        "An upload never fails for what we make of it",
        _EVENTS,
        "exception\n  when others then\n    raise warning",
        "exception\n  when no_data_found then\n    raise warning",
        _DATABASE_TESTS + "test_an_upload_never_fails_for_what_we_make_of_it",
    ),
    Mutant(
        "anyone uploads",
        "Only the staff upload, and only into the folders of products",
        _POLICIES,
        """for insert to authenticated
with check (
  bucket_id = 'product-uploads' and (select private.is_staff())
  and exists (
    select from public.products
    where products.id = private.product_of(objects.name)
  )
);""",
        "for insert to authenticated with check (bucket_id = 'product-uploads');",
        _DATABASE_TESTS + "test_staff_upload_into_folders_of_products_and_nobody_else_anywhere",
    ),
    Mutant(
        "any number of pixels",
        "Too many pixels are refused before they are decoded",
        _CODE + "processing.py",
        "            _check_size(*image.size)\n",
        "",
        _TESTS
        + "test_processing.py::test_too_many_pixels_are_refused_before_they_are_there[png, a little]",
    ),
    Mutant(
        "metadata is kept",
        "Nothing of what a file says of itself is published",
        _CODE + "processing.py",
        "    plain.info.clear()\n",
        "",
        _TESTS + "test_processing.py::test_nothing_is_left_of_what_the_file_said",
    ),
    Mutant(
        "pictures lie down",
        "Pictures are turned upright before they lose their metadata",
        _CODE + "processing.py",
        "largest if turn is None else largest.transpose(turn)",
        "largest",
        _TESTS + "test_processing.py::test_pictures_are_turned_upright",
    ),
    Mutant(
        "memory without end",
        "A decoder takes no more memory than it may",
        _CODE + "child.py",
        "    _limit(resource.RLIMIT_AS, MEMORY)\n",
        "",
        _TESTS + "test_sandbox.py::test_what_takes_too_much_is_refused[eat]",
    ),
    Mutant(
        "computing without end",
        "A decoder takes no more computing than it may",
        _CODE + "child.py",
        "        _limit_time()\n",
        "",
        _TESTS + "test_sandbox.py::test_what_takes_too_much_is_refused[spin]",
    ),
    Mutant(
        "decoder inherits secrets",
        "A decoder inherits no secret",
        _CODE + "sandbox.py",
        "    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}",
        "    kept = dict(os.environ)",
        _TESTS + "test_sandbox.py::test_a_process_writes_no_file_and_inherits_no_secret",
    ),
    Mutant(
        "downloads without end",
        "A download ends at the largest size that is taken",
        _CODE + "storage.py",
        "                if len(content) > most:",
        "                if False:",
        _TESTS + "test_storage.py::test_exactly_the_limit_is_taken",
    ),
    Mutant(
        "Storage sends elsewhere",
        "The secret key follows no redirect of Storage",
        _CODE + "storage.py",
        ", allow_redirects=False",
        "",
        _TESTS
        + "test_storage.py::test_what_storage_refuses_and_what_it_cannot[302-StorageTrouble]",
    ),
)
