import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from local_stack.settings import REPOSITORY
from tests.conftest import Stack

SCRIPT = Path(__file__).with_name("shopper.mjs")


def test_supabase_js_signs_in_orders_queries_and_listens(
    stack: Stack, new_product: Callable[..., str]
) -> None:
    product = new_product(price=500)
    result = subprocess.run(  # noqa: S603 - our own script
        ["node", "--no-warnings", SCRIPT],  # noqa: S607 - whichever Node is installed
        cwd=REPOSITORY,
        env=os.environ | stack.environment | {"PRODUCT_ID": product},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["rotated"] is True
    assert seen["inserted"] == [seen["order"]]
    [row] = seen["rows"]
    assert (row["id"], row["status"], row["total"]) == (seen["order"], "completed", 500)
    assert row["items"][0]["product"]["price"] == 500
    assert seen["refused"] == {"status": 422, "details": "empty_basket"}
