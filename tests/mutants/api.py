"""Defences in the HTTP API."""

from tests.mutants.mutant import Mutant

_API = "functions/api/"
_TESTS = "tests/api/test_"

API = (
    Mutant(
        "key on any path",
        "An idempotency key belongs to one path",
        _API + "idempotency.py",
        "secret, request.method, request.url.path, _canonical",
        'secret, request.method, "", _canonical',
        _TESTS + "idempotency.py::test_a_key_belongs_to_one_path",
    ),
    Mutant(
        "key for any method",
        "An idempotency key belongs to one method",
        _API + "idempotency.py",
        "secret, request.method, request.url.path, _canonical",
        'secret, "", request.url.path, _canonical',
        _TESTS + "idempotency.py::test_a_key_belongs_to_one_method",
    ),
    Mutant(
        "401 is kept",
        "What may pass is not kept under a key",
        _API + "idempotency.py",
        "_PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)",
        "_PASSING = ()",
        _TESTS + "idempotency.py::test_what_may_pass_is_not_kept",
    ),
    Mutant(
        "any account is taken over",
        "Only an account that was made under the same key is taken over",
        _API + "accounts.py",
        "if await self._address_of(new_id) != wanted.email.lower():",
        "if await self._address_of(new_id) is None:",
        _TESTS + "idempotency.py::test_an_account_that_has_moved_on_is_not_taken_over",
    ),
    Mutant(
        "bodies of any depth",
        "No body nests so deep that a parser gives up",
        _API + "bodies.py",
        "if depth > MOST_DEPTH:",
        "if False:",
        _TESTS + "requests.py::test_wherever_the_parser_gives_up_it_is_no_fault_of_ours",
    ),
    Mutant(
        "bad bodies for nothing",
        "A request counts before its body is looked at",
        _API + "bodies.py",
        "            await admit(request)\n            # What no route asks for, nobody reads.\n"
        '            body = await _read(request) if takes_body else b""\n',
        '            body = await _read(request) if takes_body else b""\n'
        "            await admit(request)\n",
        _TESTS + "limits.py::test_what_is_no_json_counts_too",
    ),
    Mutant(
        "unknown fields",
        "Fields that nobody knows are refused",
        _API + "models.py",
        'extra="forbid"',
        'extra="ignore"',
        _TESTS + "users.py::test_a_wrong_account_is_refused",
    ),
    Mutant(
        "edits without a version",
        "An edit says which version was seen",
        _API + "etags.py",
        "if if_match is None:",
        'if (if_match := if_match or ["*"]) is None:',
        _TESTS + "users.py::test_an_edit_names_the_version_that_was_seen",
    ),
    Mutant(
        "own account",
        "Nobody of the staff dismisses themselves",
        _API + "accounts.py",
        "if user_id == self._staff.id:",
        "if False:",
        _TESTS + "users.py::test_nobody_locks_themselves_out",
    ),
    Mutant(
        "Auth is asked each time",
        "Made-up key ids do not make us ask Auth again and again",
        _API + "keys.py",
        "return wanted and self._clock() >= self._next_fetch",
        "return wanted",
        _TESTS + "keys.py::test_made_up_ids_do_not_make_us_ask_again_and_again",
    ),
    Mutant(
        "waiting for Auth",
        "For a key that is still good, nobody waits",
        _API + "keys.py",
        "if self._are_usable() and kid in self._keys:",
        "if False:",
        _TESTS + "keys.py::test_for_a_key_that_is_still_good_nobody_waits",
    ),
    Mutant(
        "keys for any algorithm",
        "A key is good for the one algorithm that its kind is for",
        _API + "keys.py",
        '_ALGORITHMS = ("ES256", "RS256")',
        '_ALGORITHMS = ("ES256", "RS256", "HS256")',
        _TESTS + "keys.py::test_only_keys_that_sign_tokens_of_users_are_taken",
    ),
    Mutant(
        "any forwarded address",
        "Of strangers, no header says where they are",
        _API + "client_address.py",
        "while address and self._trusts(address) and hops:",
        "while address and hops:",
        _TESTS + "limits.py::test_making_up_addresses_helps_nobody",
    ),
    Mutant(
        "ill Redis slows all",
        "What is shared is left alone for a second after it failed",
        _API + "rate_limits.py",
        "                with self._breaker.call():\n                    return",
        "                if True:\n                    return",
        _TESTS + "limits.py::test_what_is_shared_is_left_alone_for_a_second_after_it_failed",
    ),
)
