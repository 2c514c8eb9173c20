"""`deploy/servers`: the two servers alone."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from . import secrets_file, servers
from .layout import Layout, Ports
from .supervisor import Supervisor, is_alive, stop_supervisor


def layout_of(folder: str, base: int | None = None) -> Layout:
    """The installation of a folder; its ports are remembered from the first start."""
    path = Path(folder).absolute()
    remembered = path / "ports"
    if base is None:
        base = int(remembered.read_text()) if remembered.exists() else 19000
    layout = Layout(path, Ports(base))
    layout.make()
    remembered.write_text(f"{base}\n")
    return layout


def variables(layout: Layout, secrets: dict[str, str]) -> dict[str, str]:
    """What the tests read to find their servers."""
    ports = layout.ports
    return {
        "ZVONOK_TEST_POSTGRES":
            f"host=127.0.0.1 port={ports.postgres} user=postgres password={secrets['postgres']}",
        "ZVONOK_TEST_AMQP": f"amqp://admin:{secrets['rabbitmq']}@127.0.0.1:{ports.amqp}",
        "ZVONOK_TEST_MANAGEMENT": f"http://admin:{secrets['rabbitmq']}@127.0.0.1:{ports.management}",
        "ZVONOK_TEST_MQTT": f"127.0.0.1:{ports.mqtt}",
    }


def serve(layout: Layout):
    """Runs both servers until told to stop."""
    layout.make()
    # Whoever starts us may have signals blocked, and the mask is inherited: by us, and by both servers.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    supervisor = Supervisor(layout.folder)

    def stop(*_):
        supervisor.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    supervisor.start("postgres", servers.postgres_command(layout))
    supervisor.start("rabbitmq", servers.broker_command(layout))
    supervisor.watch()
    supervisor.stop()


def start(layout: Layout) -> dict[str, str]:
    """Starts both, unless they run, and waits until they answer."""
    secrets = secrets_file.load(layout.secrets, ["postgres", "rabbitmq"])
    pidfile = layout.folder / "supervisor.pid"
    if is_alive(pidfile) is None:
        servers.prepare_postgres(layout, secrets["postgres"], throw_away=True)
        layout.definitions.parent.mkdir(exist_ok=True)
        secrets_file.write_private(
            layout.definitions, json.dumps(servers.fresh_definitions(secrets["rabbitmq"])))
        servers.prepare_broker(layout, layout.definitions, secrets["rabbitmq"])
        log = open(layout.logs / "supervisor.log", "ab")
        child = subprocess.Popen(
            [sys.executable, "-m", "stack.servers_command", "serve", str(layout.folder)],
            cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        pidfile.write_text(f"{child.pid}\n")
    wait_for(layout, secrets)
    return variables(layout, secrets)


def wait_for(layout: Layout, secrets: dict[str, str]):
    servers.wait_until(
        "PostgreSQL answers", 60, lambda: servers.postgres_answers(layout), layout.logs / "postgres.log")
    servers.wait_until(
        "RabbitMQ answers", 120, lambda: servers.broker_answers(layout, secrets["rabbitmq"]),
        layout.folder / "rabbitmq" / "log" / "node.log")


def main():
    parser = argparse.ArgumentParser(prog="deploy/servers")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "stop", "restart", "serve"):
        command = commands.add_parser(name)
        command.add_argument("folder")
        if name == "start":
            command.add_argument("--ports", type=int, help="the first of a hundred ports (19000)")
        if name == "stop":
            command.add_argument("--wipe", action="store_true")
        if name == "restart":
            command.add_argument("name", choices=["postgres", "rabbitmq"])
    arguments = parser.parse_args()
    try:
        run(arguments)
    except servers.Failed as failure:
        sys.exit(str(failure))


def run(arguments):
    layout = layout_of(arguments.folder, getattr(arguments, "ports", None))
    if arguments.command == "serve":
        serve(layout)
    elif arguments.command == "start":
        for name, value in start(layout).items():
            print(f'export {name}="{value}"')
    elif arguments.command == "restart":
        pidfile = servers.broker_command(layout)["pidfile"] if arguments.name == "rabbitmq" else layout.pids / "postgres"
        killed = int(Path(pidfile).read_text())
        os.kill(killed, signal.SIGKILL)
        servers.wait_until(
            f"a new {arguments.name}", 60, lambda: is_alive(Path(pidfile)) not in (None, killed))
        wait_for(layout, secrets_file.load(layout.secrets, []))
    else:
        stop_supervisor(layout.folder / "supervisor.pid")
        if arguments.wipe:
            data = layout.folder / "postgres"
            if data.is_symlink():
                shutil.rmtree(data.resolve(), ignore_errors=True)
            shutil.rmtree(layout.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
