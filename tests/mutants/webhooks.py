"""Defences of outgoing webhooks."""

from tests.mutants.mutant import Mutant

_MIGRATIONS = "supabase/migrations/2026110100174"
_ENDPOINTS = _MIGRATIONS + "0_webhooks.sql"
_DELIVERIES = _MIGRATIONS + "1_webhook_deliveries.sql"
_RESULTS = _MIGRATIONS + "2_webhook_results.sql"
_VERBS = _MIGRATIONS + "3_webhook_verbs.sql"
_CODE = "functions/webhooks/"
_DATABASE_TESTS = "tests/database/"
_TESTS = "tests/webhooks/"

WEBHOOKS = (
    Mutant(
        "webhooks out of order",
        "The deliveries of an order go out one after the other",
        _DELIVERIES,
        "and earlier.version < delivery.version and earlier.status in ('pending', 'delivering'))",
        "and false)",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_the_deliveries_of_an_order_go_out_one_after_the_other",
    ),
    Mutant(
        "two expand at once",
        "A later event does not overtake one that becomes a delivery just now",
        _DELIVERIES,
        "  perform pg_advisory_xact_lock(hashtextextended('claim webhooks', 0));\n",
        "",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_a_later_event_does_not_overtake_one_that_is_just_being_expanded",
    ),
    Mutant(
        "one message stops all",
        "A message that cannot be told is put aside and holds no other",
        _DELIVERIES,
        "perform private.expand_or_bury(read);",
        "perform private.expand(array[read]);",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_a_message_that_cannot_be_told_is_put_aside_and_holds_no_other",
    ),
    Mutant(
        "followers come due",
        "What waits behind a delivery is not looked at before its time",
        _RESULTS,
        "  elsif delivery.status = 'pending' then\n",
        "  elsif false then\n",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_those_behind_a_delivery_that_waits_are_not_due_before_it",
    ),
    Mutant(
        "newcomers come due",
        "A new event of an order is not due before those that wait",
        _DELIVERIES,
        "select max(waiting.due_at) from",
        "select min(now()) from",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_those_behind_a_delivery_that_waits_are_not_due_before_it",
    ),
    Mutant(
        "results in any order",
        "Deliveries are locked in the order of their ids",
        _RESULTS,
        "  order by id\n  for update;",
        "  order by id desc\n  for update;",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_two_who_come_with_the_same_deliveries_do_not_wait_for_ever",
    ),
    Mutant(
        "deliveries before endpoints",
        "Who waits for an endpoint holds no delivery",
        _RESULTS,
        "  order by id\n  for no key update;",
        "  order by id;",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_who_waits_for_an_endpoint_holds_no_delivery",
    ),
    Mutant(
        "taken back beside others",
        "A lost delivery is taken back when nobody is at work on its endpoint",
        _DELIVERIES,
        "    for no key update of endpoint skip locked\n",
        "",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_a_lost_delivery_whose_endpoint_somebody_holds_is_left_to_the_next_claim",
    ),
    Mutant(
        "no fence of deliveries",
        "The result of a delivery counts only from its latest start",
        _RESULTS,
        " and starts = (result ->> 'starts')::integer\n    and status = 'delivering';\n  if delivery",
        "\n    and status = 'delivering';\n  if delivery",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_a_worker_whose_lease_was_taken_over_changes_nothing",
    ),
    Mutant(
        "delivered twice",
        "The result of a delivery counts once, and only while it is on its way",
        _RESULTS,
        "\n    and status = 'delivering';\n  if delivery",
        ";\n  if delivery",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_a_worker_whose_lease_was_taken_over_changes_nothing",
    ),
    Mutant(
        "slow endpoint takes all",
        "A slow endpoint keeps no place of others",
        _DELIVERIES,
        "case endpoint.failures when 0 then 4 else",
        "case endpoint.failures when 0 then 100 else",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_a_slow_endpoint_keeps_no_place_of_others",
    ),
    Mutant(
        "no trial",
        "An endpoint that fails has one delivery on trial",
        _DELIVERIES,
        "case endpoint.failures when 0 then 4 else 1 end",
        "4",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_while_it_fails_it_has_one_delivery_on_trial",
    ),
    Mutant(
        "failing endpoint is pressed",
        "After five failures an endpoint is left alone, for longer and longer",
        _RESULTS,
        "if trouble and failed.failures >= 5 then",
        "if false then",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_after_five_failures_it_is_left_alone_for_longer_and_longer",
    ),
    Mutant(
        "gone is a failure",
        "An endpoint that says it is gone is not called any more",
        _RESULTS,
        "elsif code = 410 then",
        "elsif false then",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_gone_disables_it_until_the_staff_enable_it",
    ),
    Mutant(
        "too many is ignored",
        "An endpoint that asks for a pause has it",
        _RESULTS,
        "case when code in (429, 503) then least(",
        "case when code = 503 then least(",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_it_is_left_alone_as_long_as_it_asks_for[429-120-110-120]",
    ),
    Mutant(
        "pause without end",
        "Nobody asks for a pause of more than an hour",
        _RESULTS,
        "least(3600,\n",
        "least(36000000,\n",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_it_is_left_alone_as_long_as_it_asks_for[429-1000000-3000-3600]",
    ),
    Mutant(
        "failing for ever",
        "After five days of nothing but failures an endpoint is disabled",
        _RESULTS,
        "if failed.failing_since < clock_timestamp() - interval '5 days' and",
        "if false and",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_five_days_of_nothing_but_failures_disable_it",
    ),
    Mutant(
        "quiet shop is disabled",
        "Failures with quiet days between them do not disable an endpoint",
        _RESULTS,
        " and failed.failed_attempts >= 10 then",
        " then",
        _DATABASE_TESTS
        + "test_webhook_endpoints.py::test_two_failures_with_quiet_days_between_them_do_not_disable_it",
    ),
    Mutant(
        "deliveries for ever",
        "A delivery ends after ten attempts",
        _RESULTS,
        "      when known.failures + 1 >= policy.attempts then 'failed'\n",
        "",
        _DATABASE_TESTS
        + "test_outgoing_webhooks.py::test_it_is_tried_ten_times_over_days_with_pauses_that_differ",
    ),
    Mutant(
        "secrets never expire",
        "A secret that was replaced ends",
        _ENDPOINTS,
        " and coalesce(known.expires_at > clock_timestamp(), true)",
        "",
        _DATABASE_TESTS
        + "test_webhook_verbs.py::test_during_a_rotation_two_secrets_sign_and_never_three",
    ),
    Mutant(
        "staff at once",
        "Of the staff, one at a time changes an endpoint",
        _VERBS,
        "is distinct from 'deleted'\n  for no key update;",
        "is distinct from 'deleted';",
        _DATABASE_TESTS
        + "test_webhook_verbs.py::test_two_who_rotate_at_once_do_so_one_after_the_other",
    ),
    Mutant(
        "any caller of endpoints",
        "Only the staff change who is told of events",
        _VERBS,
        "  perform private.check_staff();\n  select * into endpoint",
        "  select * into endpoint",
        _DATABASE_TESTS + "test_staff.py::test_only_the_staff_may",
    ),
    Mutant(
        "any address is registered",
        "No address is registered that can be seen to lead inside",
        _VERBS,
        "  perform private.check_webhook_url(url);\n",
        "",
        _DATABASE_TESTS + "test_webhook_verbs.py::test_any_other_address_is_refused",
    ),
    Mutant(
        "webhooks tell who",
        "Webhooks hold no personal data",
        _ENDPOINTS,
        "'currency', subject.currency,",
        "'currency', subject.currency, 'email', subject.email,",
        _DATABASE_TESTS + "test_outgoing_webhooks.py::test_what_is_told_is_said_by_the_event_alone",
    ),
    Mutant(
        "any name",
        "A name that nobody can look up is refused",
        _CODE + "request.py",
        '        (parsed.raw_host or "").encode("idna")',
        "        pass",
        _TESTS + "test_addresses.py::test_no_packet_goes_to_this_machine",
    ),
    Mutant(
        "redirects are followed",
        "No redirect of an endpoint is followed",
        _CODE + "send.py",
        "allow_redirects=False",
        "allow_redirects=True",
        _TESTS + "test_addresses.py::test_a_redirect_inside_is_not_followed",
    ),
    Mutant(
        "names are not judged",
        "A name is called only if all of its addresses are public",
        _CODE + "connections.py",
        'if not all(self._admits(one["host"]) for one in found):',
        "if False:",
        _TESTS + "test_addresses.py::test_a_name_is_public_if_all_of_its_addresses_are",
    ),
    Mutant(
        "no last look",
        "An address that stands in a URL is judged before a packet leaves",
        _CODE + "connections.py",
        "if not admits(_host(place)):",
        "if False:",
        _TESTS + "test_addresses.py::test_no_packet_goes_to_this_machine",
    ),
    Mutant(
        "any other address",
        "Of IPv6, only what is known to be public is called",
        _CODE + "addresses.py",
        "return address in _UNICAST and not any(",
        "return not any(",
        _TESTS + "test_addresses.py::test_not_public",
    ),
    Mutant(
        "wrapped addresses",
        "An IPv4 address is judged by itself, whatever it is wrapped in",
        _CODE + "addresses.py",
        "    address = unwrap(address)\n",
        "",
        _TESTS + "test_addresses.py::test_public",
    ),
    Mutant(
        "endless answers are read",
        "Of an endpoint's answer, a few kilobytes are read",
        _CODE + "answer.py",
        "_MOST_BYTES = 4096",
        "_MOST_BYTES = 10**9",
        _TESTS + "test_send.py::test_an_endless_answer_is_not_read_to_its_end",
    ),
    Mutant(
        "one signature",
        "While a secret is replaced, both sign",
        _CODE + "request.py",
        "for secret in secrets]",
        "for secret in secrets[:1]]",
        _TESTS + "test_send.py::test_during_a_rotation_both_secrets_fit",
    ),
)
