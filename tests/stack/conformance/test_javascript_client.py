import os
import subprocess
from pathlib import Path

from local_stack.settings import REPOSITORY
from tests.stack.conformance.conftest import Project

SCRIPT = Path(__file__).with_name("client.mjs")


def test_supabase_js_finds_what_it_expects(project: Project) -> None:
    addresses = {
        "URL_": project.url,
        "PUBLISHABLE_KEY": project.publishable_key,
        "SECRET_KEY": project.secret_key,
    }
    result = subprocess.run(  # noqa: S603 - our own script
        ["node", "--no-warnings", SCRIPT],  # noqa: S607 - whichever Node is installed
        cwd=REPOSITORY,
        env=os.environ | addresses,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "ok\n", result.stderr
