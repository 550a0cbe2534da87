"""A Stripe-compatible test double: its own process and ledger, reached by the `stripe` package.

    python -m local_stack.payments --port 54328 --ledger payments.db
        [--webhook-url URL] [--webhook-events payment_intent.succeeded,refund.failed] [--fast]

    stripe.StripeClient(api_key, base_addresses={"api": "http://127.0.0.1:54328"})

STRIPE_API_KEY is the only key it takes; STRIPE_WEBHOOK_SECRET signs the events it sends.
It speaks PaymentIntents (create, confirm, capture, cancel, retrieve, list, search), Refunds
(create, retrieve, list) and PaymentMethods (create, retrieve); charges, balance transactions and
events can be read. Other endpoints and parameters answer 404 and 400.

**Payment methods** are Stripe's documented test ids (`cards.py`), or made of its documented card
numbers (`card_numbers.py`). A number is checked and told apart, and never kept: a payment method
knows its card by a fingerprint of the card's name. Refunds of `pm_card_pendingRefund` are pending,
those of `pm_card_refundFail` seem done; both have their last state 2 seconds later, by the double's
clock. A failed refund gives the money back to the balance (`refund_failure`).

Idempotency keys follow Stripe: 24 hours; the first status and body are replayed, a 402 or 500 too;
nothing is kept of a request that failed validation or met its own key in flight (409).
An authorisation holds for 7 days; then its intent is canceled (`expired`), and capturing it answers
`charge_expired_for_capture`. As at Stripe since 2025-03-31, money that is released without a
capture is no refund: `refunded` stays false, and the balance has no movement.

**Events** (`events.py`) can all be read. Those of `--webhook-events` are sent to the endpoint: at
least once, in no promised order, each on its own, and again after 1, 5, 30 and 120 seconds. What is
not delivered when the process ends is sent after its next start.

**The ledger** is an SQLite file (WAL; anybody may read it meanwhile). Every accepted effect, its
events and the reply for its idempotency key are one transaction, on disk before the reply leaves;
callers at the same time share it. With `--fast` no reply waits for the disk: a killed process
still loses nothing, but a machine that stops may forget charges that were answered.

- `objects`: every Stripe object as JSON (`document`), in order of creation (`sequence`); `id`,
  `kind`, `payment_intent` and `created` are computed from it. Read it by the views `charges`,
  `refunds` and `balance_transactions`. The last has one row per movement of money, in minor units:
  positive for money taken (`charge`) or back from a refund that failed (`refund_failure`), negative
  for money given back (`refund`). Rows of it never change.
- `metadata`: metadata of intents by name and value, for the search.
- `idempotency_keys`: per key the path, parameters, status and body of its first request; of a card
  number only the last four digits.
- `deliveries`: per event the webhook attempts; `due` is null once delivered or given up.
- `plans`: the refunds and authorisations to which something happens when they are `due`.

**For tests**, without a key and outside `/v1`:

- `POST /_authenticate/{payment_intent}`: `{"outcome": "succeeded"}` or `"failed"` is what the
  shopper did at 3-D Secure; answers the intent, or 400 unless it is in `requires_action`. A page of
  any origin may ask.
- `GET /_ledger`: `{"intents": […], "charges": […], "refunds": […], "balance": {"usd": 1999}}`, all
  newest first. `?order_id=…`: only of the intents with that `order_id` in their metadata.
- `PUT /_clock`: `{"offset_seconds": 90000, "webhook_offset_seconds": 0}` moves the clock that dates
  objects and ages keys, authorisations and refunds; webhooks are signed in real time plus
  `webhook_offset_seconds`. `GET /_clock` shows both and `now`. A restart ends it.
- `PUT /_faults`: one fault or a list of them:
  `{"mode": …, "rate": 1.0, "times": null, "delay_seconds": 60, "path": "/v1", "method": null}`.
  The first that applies to a request (its path starts with `path`, its method is `method`, with
  probability `rate`) strikes it, `times` in all. `GET /_faults` shows the list. A restart, an empty
  list or the mode `none` ends it. The modes:
  - `charge_then_hang`: the write is done and kept, its reply never comes (for `delay_seconds`, then
    the connection drops); `charge_then_500`: the write is done, and 500 is the reply that its key
    replays. Neither applies to GET, and neither strikes a replay or what fails validation.
  - `slow`: `delay_seconds` pass before anything is done, with the key in flight, also when the
    caller has left meanwhile.
  - Nothing is done and nothing kept: `refuse`, the connection drops; `black_hole`, no answer for
    `delay_seconds`, then it drops; `error_503` with `Retry-After: 1`; `rate_limit`, 429;
    `garbage`, 200 and no JSON.

Known differences: a test payment method keeps its documented id, and one that was made can be used
again; 3-D Secure is always `use_stripe_sdk`, never a redirect; there are no customers; search has
no lag (Stripe's has, so never decide by it that nothing exists).
"""

from local_stack.payments.app import create_app

__all__ = ["create_app"]
