"""Where everything of one installation is: folders, ports, names."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".run-tools"
SERVICES = ["identity", "ledger", "canteen", "access", "journal", "notifier"]
# Files from Debian packages that we name by path; PostgreSQL keeps its programs out of PATH.
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
RABBITMQ_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
FONTS = Path("/usr/share/fonts/truetype/paratype")


@dataclass
class Ports:
    """All ports of one installation, counted from `base`; it uses no port above base + 99."""

    base: int
    http: dict = field(init=False)
    health: dict = field(init=False)

    def __post_init__(self):
        self.proxy = self.base
        self.http = {name: self.base + 11 + number for number, name in enumerate(SERVICES)}
        self.health = {name: self.base + 21 + number for number, name in enumerate(SERVICES)}
        self.postgres = self.base + 32
        self.smtp = self.base + 40
        self.mail = self.base + 41
        self.portal = self.base + 42
        self.acquirer = self.base + 43
        self.amqp = self.base + 72
        self.management = self.base + 73
        self.broker_metrics = self.base + 74
        self.broker_distribution = self.base + 75
        self.broker_names = self.base + 76
        self.mqtt = self.base + 83

    def all(self) -> list[int]:
        """Every port that something of the installation listens at."""
        single = [value for value in vars(self).values() if isinstance(value, int)]
        return sorted({*single, *self.http.values(), *self.health.values()})

    def taken(self) -> list[int]:
        """Those at which somebody listens already."""
        def is_taken(port: int) -> bool:
            with socket.socket() as door:
                # As servers do: what a closed connection left behind is nobody.
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    door.bind(("127.0.0.1", port))
                except OSError:
                    return True
            return False

        return [port for port in self.all() if is_taken(port)]


@dataclass
class Layout:
    """One installation: a folder that holds all of its state, and its ports."""

    folder: Path
    ports: Ports
    build: str = "debug"

    def __post_init__(self):
        self.folder = Path(self.folder).absolute()
        self.secrets = self.folder / "secrets.json"
        self.config = self.folder / "config"
        self.logs = self.folder / "logs"
        self.pids = self.folder / "pids"
        self.hold = self.folder / "hold"
        self.authority = self.folder / "tls" / "authority.pem"
        self.demo = self.folder / "demo.json"
        self.portal = self.folder / "portal"
        self.definitions = self.folder / "rabbitmq" / "definitions.json"

    @property
    def public_address(self) -> str:
        return f"https://localhost:{self.ports.proxy}"

    def binary(self, service: str) -> Path:
        """The executable of a service; `ZVONOK_BIN` names a folder of ready ones."""
        folder = Path(os.environ.get("ZVONOK_BIN", ROOT / ".build" / self.build))
        return folder / service.capitalize()

    def config_file(self, service: str) -> Path:
        return self.config / f"{service}.yaml"

    def make(self):
        """Makes the folders. Others may pass through the first one, as PostgreSQL's account must, and see nothing."""
        os.umask(0o077)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        for folder in (self.config, self.logs, self.pids, self.hold):
            folder.mkdir(exist_ok=True)


def demo_layout(build: str = "debug") -> Layout:
    """The installation of `deploy/up`: `.run` or `ZVONOK_RUN`, ports from 18000 or from `ZVONOK_PORTS`."""
    return Layout(Path(os.environ.get("ZVONOK_RUN", ROOT / ".run")), Ports(int(os.environ.get("ZVONOK_PORTS", "18000"))), build)
