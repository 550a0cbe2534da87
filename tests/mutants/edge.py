"""Defences at the edge: quotes, experiments, prices by country and cached products."""

from tests.mutants.mutant import Mutant

_API = "functions/api/"
_MIGRATIONS = "supabase/migrations/2026110100"
_QUOTES = "tests/database/test_quotes.py::test_"
_EXPERIMENTS = "tests/database/test_experiments.py::test_"
_CACHE = "tests/api/test_edge_product_cache.py::test_"

EDGE = (
    Mutant(
        "any signature",
        "A quote that the shop did not sign is none",
        _MIGRATIONS + "1770_quotes.sql",
        "\n      and private.same_secret(private.quote_signature(content, secret), given)",
        "",
        _QUOTES + "a_quote_that_was_changed_is_none",
    ),
    Mutant(
        "quote for anybody",
        "A quote holds for its user",
        _MIGRATIONS + "1770_quotes.sql",
        "when terms ->> 'user' <> buyer::text then",
        "when false then",
        _QUOTES + "a_quote_holds_for_its_user_basket_and_country",
    ),
    Mutant(
        "quote for any basket",
        "A quote holds for its basket",
        _MIGRATIONS + "1770_quotes.sql",
        "when terms -> 'basket' <> basket then",
        "when false then",
        _QUOTES + "a_quote_holds_for_its_user_basket_and_country",
    ),
    Mutant(
        "quote for any country",
        "A quote holds for its country",
        _MIGRATIONS + "1770_quotes.sql",
        "when terms ->> 'country' <> country then",
        "when false then",
        _QUOTES + "a_quote_holds_for_its_user_basket_and_country",
    ),
    Mutant(
        "quote for ever",
        "A quote expires",
        _MIGRATIONS + "1770_quotes.sql",
        "if expires <= clock_timestamp() then",
        "if false then",
        _QUOTES + "a_quote_expires",
    ),
    Mutant(
        "price not pinned",
        "The quoted price is charged, whatever the catalogue says by then",
        _MIGRATIONS + "0800_baskets.sql",
        "coalesce((terms -> 'prices' ->> product.id::text)::bigint, market.price, product.price)",
        "coalesce(market.price, product.price)",
        _QUOTES + "the_quoted_price_is_charged_though_the_product_costs_more_now",
    ),
    Mutant(
        "exposed twice",
        "An exposure is recorded once, however many ask at once",
        _MIGRATIONS + "1760_experiments.sql",
        "\n  on conflict on constraint experiment_exposures_pkey do nothing",
        "",
        _EXPERIMENTS + "of_two_who_ask_at_once_the_later_one_sees_what_the_first_has_recorded",
    ),
    Mutant(
        "arms drawn anew",
        "Whoever has seen an arm keeps it",
        _MIGRATIONS + "1760_experiments.sql",
        "  if seen is not null or experiment.name is null then\n    return seen;",
        "  if seen is not null or experiment.name is null then\n    return (select private.experiment_arm(who, array_agg(arm.name), array_agg(arm.weight))\n      from public.experiment_arms as arm where arm.experiment = wanted);",
        _EXPERIMENTS + "whoever_has_seen_an_arm_keeps_it_when_weights_change",
    ),
    Mutant(
        "head exposes",
        "A HEAD is no exposure",
        _API + "experiments.py",
        "not is_head(request)",
        "True",
        "tests/api/test_edge_experiments.py::test_a_head_is_no_exposure",
    ),
    Mutant(
        "country of strangers",
        "Only a trusted proxy tells the caller's country",
        _API + "geo.py",
        "if self._proxies.sent(request):",
        "if True:",
        "tests/api/test_edge_prices.py::test_headers_of_a_stranger_are_not_believed",
    ),
    Mutant(
        "prices beyond max_rows",
        "No page of prices is larger than PostgREST answers",
        _API + "pricing.py",
        "_MOST = 500",
        "_MOST = 1000",
        "tests/api/test_edge_prices.py::test_no_product_of_a_large_catalogue_is_lost_between_pages",
    ),
    Mutant(
        "a read for each",
        "All who miss the same product at once are one read",
        _API + "single_flight.py",
        "flight = self._flights.get(key)",
        "flight = self._flights.pop(key, None) and None",
        _CACHE + "a_hundred_misses_at_once_are_one_read",
    ),
    Mutant(
        "old read kept",
        "A read from before an edit is not kept after it",
        _API + "product_entries.py",
        "if state != self._state:",
        "if False:",
        _CACHE + "a_read_from_before_an_edit_is_not_kept_after_it",
    ),
    Mutant(
        "old read shared",
        "A read from before an edit that another process knows of is not kept",
        _API + "shared_entries.py",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then",
        "if true then",
        _CACHE + "a_read_of_another_process_from_before_an_edit_is_not_kept",
    ),
    Mutant(
        "own edit unseen",
        "An editor reads their own edit at once",
        _API + "products.py",
        "        await self.api.products.refresh()\n",
        "",
        "tests/api/test_edge_products.py::test_an_editor_reads_their_own_edit_at_once",
    ),
)
