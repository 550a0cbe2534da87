"""What one running stack is made of: its folders, ports, keys and configuration."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from local_stack.config import Config
from local_stack.errors import StackError
from local_stack.keys import Keys
from local_stack.ports import HOST, Ports

REPOSITORY = Path(__file__).resolve().parents[1]
HOME_VARIABLE = "ORDERBASE_HOME"
PORTS_FILE = "ports.json"
KEYS_FILE = "keys.json"
DEFAULT_HOME = Path(".orderbase")
CACHE = DEFAULT_HOME / "cache"
"""What all stacks of a repository share, relative to it."""


@dataclass(frozen=True)
class Settings:
    """One stack. Two stacks with different homes and ports do not meet."""

    home: Path
    """Where its data, logs and keys are; `.orderbase` for `make up`."""
    ports: Ports
    keys: Keys
    config: Config
    durable: bool = True
    """False lets Postgres skip fsync: for tests, where a power cut may lose all."""
    template: Path | None = None
    """The home of a stack whose database is copied instead of a new one being made."""
    repository: Path = REPOSITORY

    @classmethod
    def load(
        cls, home: Path, ports: Ports, *, durable: bool = True, template: Path | None = None
    ) -> "Settings":
        """Read the configuration and the keys of the stack in `home`.

        Raises:
            StackError: `supabase/config.toml` cannot be used.
        """
        # A copied database knows the passwords and the vault of its template.
        return cls(
            home=home,
            ports=ports,
            keys=Keys.load_or_create((template or home) / KEYS_FILE),
            config=Config.read(REPOSITORY / "supabase" / "config.toml"),
            durable=durable,
            template=template,
        )

    @classmethod
    def of_home(cls, home: Path) -> "Settings":
        """The stack that was last started in `home`, as its own processes and `make env` see it.

        Raises:
            StackError: none was ever started there.
        """
        ports = home / PORTS_FILE
        if not ports.exists():
            raise StackError("The stack was never started here. Start it: make up.")
        return cls.load(home, Ports.load(ports))

    def save(self) -> None:
        """Keep what the processes of this stack, and those that ask about it, read."""
        self.ports.save(self.home / PORTS_FILE)
        self.keys.save(self.home / KEYS_FILE)

    @property
    def api_url(self) -> str:
        """Where all of Supabase answers."""
        return f"http://{HOST}:{self.ports.api}"

    @property
    def rest_url(self) -> str:
        """PostgREST itself, behind the gateway."""
        return f"http://{HOST}:{self.ports.rest}"

    @property
    def functions_url(self) -> str:
        """Where the functions answer."""
        return f"http://{HOST}:{self.ports.functions}"

    @property
    def payments_url(self) -> str:
        """Where the Stripe test double answers."""
        return f"http://{HOST}:{self.ports.payments}"

    @property
    def mail_url(self) -> str:
        """The inbox page and its HTTP API."""
        return f"http://{HOST}:{self.ports.mail}"

    @property
    def web_url(self) -> str:
        """Where the web shop answers."""
        return f"http://{HOST}:{self.ports.web}"

    @property
    def smtp_url(self) -> str:
        """Where mail is handed in."""
        return f"smtp://{HOST}:{self.ports.smtp}"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.home / "logs"

    def database_url(self, role: str = "postgres", database: str = "postgres") -> str:
        """A libpq address for one of the login roles."""
        password = quote(self.keys.database_password, safe="")
        return f"postgresql://{role}:{password}@{HOST}:{self.ports.postgres}/{database}"
