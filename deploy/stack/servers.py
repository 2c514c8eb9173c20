"""A private PostgreSQL and a private RabbitMQ node, everything of theirs in one folder."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

from . import secrets_file
from .layout import POSTGRES_PROGRAMS, RABBITMQ_PROGRAMS, Layout


class Failed(Exception):
    """Something did not start; the text says what and where to look."""


def wait_until(what: str, seconds: float, is_so, look_at: Path | None = None):
    """Polls until `is_so()`; fails with the end of the log when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return
        time.sleep(0.1)
    tail = ""
    if look_at and look_at.exists():
        tail = "\n" + "\n".join(look_at.read_text(errors="replace").splitlines()[-15:])
    raise Failed(f"{what} within {seconds:.0f} s: no{tail}")


# PostgreSQL


def _postgres_user():
    """PostgreSQL refuses to run as root: the account of Debian's package runs it then."""
    return "postgres" if os.geteuid() == 0 else None


def _can_reach(folder: Path, user: str | None) -> bool:
    if user is None:
        return True
    check = subprocess.run(["/usr/bin/test", "-x", str(folder)], user=user, extra_groups=[], cwd="/")
    return check.returncode == 0


def postgres_folder(layout: Layout, throw_away: bool = False) -> Path:
    """Where the data is: in the installation's folder, unless the server's account cannot enter it.

    A checkout below /root is such a place; the data then lives in /var/lib and a link says so.
    """
    folder = layout.folder / "postgres"
    if folder.exists() or _can_reach(layout.folder, _postgres_user()):
        return folder
    elsewhere = Path("/var/lib") / ("zvonok" + str(layout.folder).replace("/", "-"))
    if elsewhere.exists():
        # The link went with the installation's folder, and the passwords with it.
        if not throw_away:
            raise Failed(f"{elsewhere} holds the data of an installation whose folder is gone; remove it to begin anew")
        shutil.rmtree(elsewhere)
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    return folder


def prepare_postgres(layout: Layout, password: str, throw_away: bool):
    """Makes the cluster once: TCP on loopback, passwords for everybody, no other door."""
    folder = postgres_folder(layout, throw_away).resolve()
    user = _postgres_user()
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        if user:
            shutil.chown(folder, user)
        secret = folder / "password"
        secrets_file.write_private(secret, password)
        if user:
            shutil.chown(secret, user)
        made = subprocess.run(
            [POSTGRES_PROGRAMS / "initdb", "-D", data, "-U", "postgres", "--pwfile", secret, "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"],
            user=user, extra_groups=[] if user else None, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        secret.unlink()
        if made.returncode != 0:
            raise Failed("initdb: " + made.stdout)
    ports = layout.ports
    settings = [
        "listen_addresses = '127.0.0.1'", f"port = {ports.postgres}", "unix_socket_directories = ''",
        "max_connections = 400" if throw_away else "max_connections = 120", "shared_buffers = '128MB'",
        "log_line_prefix = '%m %u '", "idle_in_transaction_session_timeout = '60s'",
    ]
    # Data that is thrown away after the run needs no flush to the disk.
    settings.append("fsync = off" if throw_away else "fsync = on")
    (data / "postgresql.auto.conf").write_text("".join(line + "\n" for line in settings))
    if user:
        shutil.chown(data / "postgresql.auto.conf", user)


def postgres_command(layout: Layout) -> dict:
    folder = postgres_folder(layout)
    command = {"command": [str(POSTGRES_PROGRAMS / "postgres"), "-D", str(folder.resolve() / "data")], "stop": "INT"}
    if _postgres_user():
        command["user"] = _postgres_user()
    return command


def postgres_answers(layout: Layout) -> bool:
    answer = subprocess.run(
        [POSTGRES_PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(layout.ports.postgres)])
    return answer.returncode == 0


# RabbitMQ


def broker_environment(layout: Layout) -> dict[str, str]:
    """The variables that make a node private: its own cookie, name, folders and name server."""
    folder = layout.folder / "rabbitmq"
    return {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "RABBITMQ_NODENAME": f"zvonok{layout.ports.base}@localhost",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_DIST_PORT": str(layout.ports.broker_distribution),
        "ERL_EPMD_PORT": str(layout.ports.broker_names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }


def prepare_broker(layout: Layout, definitions: Path | None, administrator: str):
    """Writes the node's configuration; the definitions file is loaded when the node boots."""
    folder = layout.folder / "rabbitmq"
    for part in (folder, folder / "log", folder / "mnesia"):
        part.mkdir(parents=True, exist_ok=True)
    ports = layout.ports
    (folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus,rabbitmq_mqtt].\n")
    lines = [
        f"listeners.tcp.1 = 127.0.0.1:{ports.amqp}",
        f"mqtt.listeners.tcp.1 = 127.0.0.1:{ports.mqtt}",
        "mqtt.exchange = school.edge",
        "mqtt.allow_anonymous = false",
        "mqtt.durable_queue_type = quorum",
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {ports.management}",
        "prometheus.tcp.ip = 127.0.0.1",
        f"prometheus.tcp.port = {ports.broker_metrics}",
        # A quorum queue's log may grow to this before it is rolled over; the default needs 512 MB of memory.
        "raft.wal_max_size_bytes = 67108864",
        "vm_memory_high_watermark.absolute = 1GB",
        "disk_free_limit.absolute = 200MB",
        "log.console = false",
        "log.file = node.log",
    ]
    if definitions:
        # Both lines are needed: `load_definitions` together with `skip_if_unchanged` fails the boot of 3.10.
        lines += [
            "definitions.import_backend = local_filesystem",
            f"definitions.local.path = {definitions}",
            "definitions.skip_if_unchanged = true",
        ]
    else:
        lines += ["default_user = admin", f"default_pass = {administrator}"]
    secrets_file.write_private(folder / "rabbitmq.conf", "".join(line + "\n" for line in lines))


def broker_command(layout: Layout) -> dict:
    return {
        "command": [str(RABBITMQ_PROGRAMS / "rabbitmq-server")], "environment": broker_environment(layout),
        "stop": "TERM", "cleanup": ["/usr/bin/epmd", "-port", str(layout.ports.broker_names), "-kill"],
        "pidfile": str(layout.folder / "rabbitmq" / "pid"),
    }


def management(layout: Layout, administrator: str, path: str) -> object | None:
    """What the management interface answers; `None` while it does not."""
    request = urllib.request.Request(f"http://127.0.0.1:{layout.ports.management}{path}")
    request.add_header("Authorization", "Basic " + b64encode(f"admin:{administrator}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def broker_answers(layout: Layout, administrator: str) -> bool:
    """Whether the node is up with all of its parts, not merely listening."""
    nodes = management(layout, administrator, "/api/nodes")
    if not nodes or not nodes[0].get("running"):
        return False
    return management(layout, administrator, "/api/healthchecks/node") is not None or \
        management(layout, administrator, "/api/health/checks/local-alarms") is not None


def fresh_definitions(administrator: str) -> dict:
    """A broker with its administrator and nothing else."""
    return {
        "vhosts": [{"name": "/"}],
        "users": [{
            "name": "admin", "password_hash": secrets_file.broker_hash(administrator, "admin"),
            "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"], "limits": {},
        }],
        "permissions": [{"user": "admin", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "topic_permissions": [], "parameters": [], "policies": [], "queues": [], "exchanges": [], "bindings": [],
    }
