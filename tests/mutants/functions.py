"""Defences in the functions."""

from tests.mutants.mutant import Mutant

FUNCTIONS = (
    Mutant(
        "no look-up",
        "What may have happened is looked up before it is tried again",
        "functions/orders/payments.py",
        'earlier = await self._known_intent(job) if job["starts"] > 1 else None',
        "earlier = None",
        "tests/functions/test_payments.py::test_an_earlier_attempt_is_found_though_its_key_says_500_or_is_forgotten",
    ),
    Mutant(
        "used up and not seen",
        "A key that was used up is known to be, though the reply was lost and 500 is replayed",
        "functions/orders/payments.py",
        'if await self._find(_FORESTALLED, job["key"]) is None:',
        "if True:",
        "tests/functions/test_forestall.py"
        "::test_a_key_that_was_used_up_though_stripe_said_500_is_used_up",
    ),
    Mutant(
        "replays are trouble",
        "A replayed 500 does not open the circuit breaker for others",
        "functions/orders/outcomes.py",
        "trouble=not ours and not _is_replayed(error)",
        "trouble=not ours",
        "tests/functions/test_payments.py"
        "::test_what_stripe_said_to_an_earlier_call_tells_nothing_of_it_now",
    ),
    Mutant(
        "key not used up",
        "A charge that must not happen any more uses up its key",
        "functions/orders/payments.py",
        "            return await self._use_up_key(job)",
        '            return not_charged(None, None, "canceled")',
        "tests/functions/test_forestall.py::test_who_comes_late_with_the_charge_finds_its_key_used_up",
    ),
    Mutant(
        "time-out is failure",
        "A time-out is no answer, and starts no compensation",
        "functions/orders/engine.py",
        'return Outcome.retry(f"{step.name} took longer than {step.timeout} s", trouble=True)',
        'return Outcome("failed")',
        "tests/functions/test_engine.py::test_a_step_that_takes_too_long_is_unknown",
    ),
    Mutant(
        "no breaker",
        "A service that is ill is left alone, and no attempt is spent",
        "functions/kit/breaker.py",
        "if self._failed >= self._failures:",
        "if False:",
        "tests/functions/test_engine.py::test_after_five_troubles_a_service_is_left_alone_and_nothing_is_spent",
    ),
    Mutant(
        "unsigned",
        "Only what Stripe has signed is taken",
        "functions/orders/stripe_events.py",
        "            WebhookSignature.verify_header(text, header, self._secret.get_secret_value())",
        "            assert text",
        "tests/functions/test_stripe_events.py::test_a_changed_body_is_refused",
    ),
    Mutant(
        "any time",
        "A webhook's time is near, in both directions",
        "functions/orders/stripe_events.py",
        'if abs(self._clock() - _timestamp(header or "")) > TOLERANCE_SECONDS:',
        "if False:",
        "tests/functions/test_stripe_events.py::test_refused",
    ),
    Mutant(
        "no renewal",
        "What takes longer than a lease is held on to",
        "functions/kit/worker.py",
        "asyncio.create_task(self._renew_leases()),",
        "asyncio.create_task(asyncio.sleep(0)),",
        "tests/functions/test_leases.py::test_a_lease_is_renewed_in_time_however_short_it_is",
    ),
    Mutant(
        "no promise",
        "A worker promises to look again only if it stays",
        "functions/kit/worker.py",
        "self._leave_at = max(self._leave_at, self._claimed_at + promise)",
        "self._leave_at = max(self._leave_at, 0)",
        "tests/functions/test_worker.py::test_it_promises_to_look_again_and_stays_until_that_is_past",
    ),
    Mutant(
        "leaves too soon",
        "A worker leaves only after a look that began when everything was recorded",
        "functions/kit/worker.py",
        "seen = not self._busy() and not self._stirred.is_set()",
        "seen = not self._busy() and not self._woken",
        "tests/functions/test_worker.py"
        "::test_what_an_outcome_led_to_during_the_last_look_is_not_left",
    ),
    Mutant(
        "unsigned wake-up",
        "Only what the database has signed wakes a worker",
        "functions/kit/webhooks.py",
        'if not any(_equal(expected, signature) for signature in signatures.split(" ")):',
        "if False:",
        "tests/functions/test_app.py::test_a_forged_wake_up_wakes_nobody",
    ),
)
