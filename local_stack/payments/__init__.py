"""A Stripe-compatible test double: its own process and ledger, reached by the `stripe` package.

    python -m local_stack.payments --port 54328 --ledger payments.db [--webhook-url URL]

    stripe.StripeClient(api_key, base_addresses={"api": "http://127.0.0.1:54328"})

STRIPE_API_KEY is the only key it takes; STRIPE_WEBHOOK_SECRET signs the events it sends.
It speaks PaymentIntents (create, confirm, capture, cancel, retrieve, list, search) and Refunds
(create, retrieve, list); charges, balance transactions and events can be read. Payment methods are
Stripe's documented test ids (`cards.py`). Other endpoints and parameters answer 404 and 400.

Idempotency keys follow Stripe: 24 hours; the first status and body are replayed, a 402 or 500 too;
nothing is kept of a request that failed validation or met its own key in flight (409).

**The ledger** is an SQLite file (WAL; anybody may read it meanwhile). Every accepted effect, its
event and the reply for its idempotency key are one transaction, on disk before the reply leaves.

- `objects`: every Stripe object as JSON (`document`), in order of creation (`sequence`); `id`,
  `kind`, `payment_intent` and `created` are computed from it. Read it by the views `charges`,
  `refunds` and `balance_transactions`. The last has one row per movement of money, in minor units:
  positive for money taken (`charge`), negative for money given back (`refund`). Rows of it never
  change.
- `metadata`: metadata of intents by name and value, for the search.
- `idempotency_keys`: per key the path, parameters, status and body of its first request.
- `deliveries`: per event the webhook attempts; `due` is null once delivered or given up.

**For tests**, without a key and outside `/v1`:

- `GET /_ledger`: `{"charges": […], "refunds": […], "balance": {"usd": 1999}}`.
- `PUT /_faults`: `{"mode": …, "rate": 1.0, "times": null, "delay_seconds": 60, "path": "/v1"}`:
  each request whose path starts with `path` is struck with probability `rate`, `times` in all.
  A restart, or the mode `none`, ends it. `GET /_faults` shows what is set. The modes:
  `charge_then_hang`: the write is done and kept, its reply never comes (for `delay_seconds`, then
  the connection drops); `charge_then_500`: the write is done, and 500 is the reply that its key
  replays; `refuse`: the connection drops and nothing is done; `slow`: `delay_seconds` pass before
  anything is done, with the key in flight, also when the caller has left meanwhile.

Known differences: a test payment method keeps its documented id; 3D Secure cannot be completed;
there are no customers; search has no lag (Stripe's has, so never decide by it that nothing exists).
"""

from local_stack.payments.app import create_app

__all__ = ["create_app"]
