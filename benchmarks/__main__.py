"""Run benchmarks, all or those named: `make bench`, `python -m benchmarks gateway`."""

import sys

from benchmarks import (
    aggregation,
    client_sdk,
    cold_start,
    gateway,
    growth,
    images,
    latency,
    live_changes,
    order_line,
    pipeline,
    placing,
    product_cache,
    sign_in,
)

BENCHMARKS = {
    "order_line": order_line.main,
    "gateway": gateway.main,
    "live_changes": live_changes.main,
    "sign_in": sign_in.main,
    "placing": placing.main,
    "pipeline": pipeline.main,
    "latency": latency.main,
    "growth": growth.main,
    "cold_start": cold_start.main,
    "images": images.main,
    "product_cache": product_cache.main,
    "aggregation": aggregation.main,
    "client_sdk": client_sdk.main,
}


def main() -> None:
    """One after the other; what cannot be measured here says why, and the others go on."""
    missing = []
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"Measuring {name} on a stack of its own ...", flush=True)
        try:
            BENCHMARKS[name]()
        except SystemExit as reason:
            missing.append(str(reason))
    sys.exit("\n".join(missing) or None)


if __name__ == "__main__":
    main()
