"""`deploy/up` and `deploy/down`."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import portal, proxy, secrets_file, servers, services, tls
from .layout import ROOT, SERVICES, TOOLS, Layout, demo_layout
from .supervisor import Supervisor, is_alive, stop_supervisor


def main():
    parser = argparse.ArgumentParser(prog="deploy/up")
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--release", action="store_true")
    parser.add_argument("--supervise", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--down", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--wipe", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    layout = demo_layout("release" if arguments.release else "debug")
    try:
        if arguments.down:
            down(layout, arguments.wipe)
        elif arguments.supervise:
            supervise(layout)
        else:
            up(layout, arguments)
    except servers.Failed as failure:
        sys.exit(f"deploy/up: {failure}")


def say(text: str):
    print(text, flush=True)


def build(layout: Layout):
    """Builds the executables, unless somebody brings ready ones."""
    if "ZVONOK_BIN" in os.environ:
        return
    say("building (the first time takes minutes)")
    done = subprocess.run(["swift", "build", "-c", layout.build], cwd=ROOT)
    if done.returncode != 0:
        raise servers.Failed("the build failed")


def up(layout: Layout, arguments):
    build(layout)
    layout.make()
    pidfile = layout.folder / "supervisor.pid"
    if is_alive(pidfile) and is_outdated(layout, pidfile):
        say("the executables are newer than what runs: starting again")
        stop_supervisor(pidfile)
    if is_alive(pidfile) is None:
        if taken := layout.ports.taken():
            raise servers.Failed(
                f"somebody listens already at port {', '.join(map(str, taken))}: another installation? ZVONOK_PORTS=19000 chooses others")
        prepare(layout, arguments.empty)
        start(layout, pidfile, arguments)
    wait_for_start(layout, pidfile)
    write_demo(layout)
    if not arguments.empty:
        load_demo(layout)
    say(addresses(layout))
    if arguments.detach:
        return
    say("Ctrl-C stops it.")
    try:
        while is_alive(pidfile):
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("stopping")
        stop_supervisor(pidfile)


def is_outdated(layout: Layout, pidfile: Path) -> bool:
    return any(layout.binary(name).stat().st_mtime > pidfile.stat().st_mtime for name in SERVICES)


def prepare(layout: Layout, is_empty: bool):
    """Writes everything that is needed before anything runs."""
    if not is_empty:
        portal.prepare(layout)
    secrets = secrets_file.load(layout.secrets, services.secret_names())
    tls.prepare(layout)
    proxy.prepare(layout)
    services.write_configuration(layout, secrets)
    servers.prepare_postgres(layout, secrets["postgres"], throw_away=False)
    layout.definitions.parent.mkdir(exist_ok=True)
    secrets_file.write_private(
        layout.definitions, json.dumps(services.definitions(layout, secrets), indent=1, sort_keys=True))
    servers.prepare_broker(layout, layout.definitions, secrets["rabbitmq"])


def start(layout: Layout, pidfile: Path, arguments):
    """Starts the supervisor, which starts everything else."""
    state = layout.folder / "state"
    state.unlink(missing_ok=True)
    options = ["--release"] if arguments.release else []
    with open(layout.logs / "supervisor.log", "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "stack.up", "--supervise", *options], cwd=ROOT / "deploy",
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    pidfile.write_text(f"{child.pid}\n")


def wait_for_start(layout: Layout, pidfile: Path):
    """Shows how far the start is, until it is done or has failed."""
    state = layout.folder / "state"
    shown = 0
    while True:
        lines = state.read_text().splitlines() if state.exists() else []
        for line in lines[shown:]:
            if line not in ("running",) and not line.startswith("failed"):
                say(line)
        shown = len(lines)
        if "running" in lines:
            return
        if is_alive(pidfile) is None:
            why = state.read_text() if state.exists() else (layout.logs / "supervisor.log").read_text()[-2000:]
            raise servers.Failed(why)
        time.sleep(0.1)


def supervise(layout: Layout):
    """The process that stays: starts all others in order and watches over them."""
    layout.make()
    supervisor = Supervisor(layout.folder)
    state = open(layout.folder / "state", "w")

    def progress(text: str):
        state.write(text + "\n")
        state.flush()

    def stop(*_):
        supervisor.is_stopping = True
        raise InterruptedError

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        bring_up(layout, supervisor, progress)
        progress("running")
        supervisor.watch()
    except InterruptedError:
        pass
    except Exception as failure:
        progress(f"failed: {failure}")
        print(f"failed: {failure}", flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    supervisor.stop()


def bring_up(layout: Layout, supervisor: Supervisor, progress):
    secrets = secrets_file.load(layout.secrets, [])
    progress("starting PostgreSQL, RabbitMQ, the mail catcher and the acquirer's emulator")
    supervisor.start("postgres", servers.postgres_command(layout))
    supervisor.start("rabbitmq", servers.broker_command(layout))
    supervisor.start("mail", mail_command(layout))
    if portal.is_wanted(layout):
        supervisor.start("portal", portal.command(layout))
    supervisor.start("acquirer", acquirer_command(layout, secrets["acquirer"]))
    servers.wait_until("PostgreSQL answers", 60, lambda: servers.postgres_answers(layout), layout.logs / "postgres.log")
    services.make_database(layout, secrets)
    progress("migrating the schemas")
    # The broker takes longest to boot; nothing of it is needed for the schemas.
    services.migrate(layout, secrets)
    servers.wait_until(
        "RabbitMQ answers", 120, lambda: servers.broker_answers(layout, secrets["rabbitmq"]),
        layout.logs / "rabbitmq.log")
    if portal.is_wanted(layout):
        portal.wait_until_ready(layout)
    progress("starting the services and the proxy")
    for name in SERVICES:
        supervisor.start(name, services.command(layout, name))
    supervisor.start("proxy", proxy.command(layout))
    services.wait_until_ready(layout)


def mail_command(layout: Layout) -> dict:
    return {"command": [
        str(TOOLS / "running" / "bin" / "maildump"), "--smtp-ip", "127.0.0.1", "--smtp-port", str(layout.ports.smtp),
        "--http-ip", "127.0.0.1", "--http-port", str(layout.ports.mail), "--db", str(layout.folder / "mail.db"),
        "-n", "-f"]}


def acquirer_command(layout: Layout, secret: str) -> dict:
    """The emulator of an acquirer, which tells Ledger of payments through the proxy, as a real one would."""
    return {
        "command": [
            sys.executable, str(ROOT / "deploy" / "demo" / "acquirer.py"), "--port", str(layout.ports.acquirer), "--shop", services.SHOP,
            "--notify", f"{layout.public_address}/ledger/acquiring/notifications", "--cafile", str(layout.authority)],
        "environment": dict(os.environ, ACQUIRER_SECRET=secret),
    }


def write_demo(layout: Layout):
    """Tells programs where everything is; what others have added to the file stays."""
    secrets = secrets_file.load(layout.secrets, [])
    ports = layout.ports
    demo = json.loads(layout.demo.read_text()) if layout.demo.exists() else {}
    demo.update({
        "address": layout.public_address,
        "authority": str(layout.authority),
        "mail": {"inbox": f"http://127.0.0.1:{ports.mail}", "smtp": f"127.0.0.1:{ports.smtp}"},
        "portal": portal.address(layout) if portal.is_wanted(layout) else None,
        "acquirer": f"http://127.0.0.1:{ports.acquirer}",
        "mqtt": f"127.0.0.1:{ports.mqtt}",
        "amqp": f"127.0.0.1:{ports.amqp}",
        "management": f"http://admin:{secrets['rabbitmq']}@127.0.0.1:{ports.management}",
        "postgres": services.connection(layout, "postgres", secrets["postgres"]),
        "services": {
            name: {
                "binary": str(layout.binary(name)), "config": str(layout.config_file(name)),
                "address": f"http://127.0.0.1:{ports.http[name]}", "health": f"http://127.0.0.1:{ports.health[name]}",
            } for name in SERVICES
        },
        "folders": {"pids": str(layout.pids), "hold": str(layout.hold), "logs": str(layout.logs)},
        "brokerPid": servers.broker_command(layout)["pidfile"],
    })
    secrets_file.write_private(layout.demo, json.dumps(demo, indent=1, ensure_ascii=False) + "\n")


def load_demo(layout: Layout):
    """Loads the demo school and plays its day, each once."""
    for step, command, text in [
        ("loaded", [ROOT / "deploy" / "demo" / "load"], "loading the demo school"),
        ("played", [ROOT / "deploy" / "day"], "playing the school day"),
    ]:
        marker = layout.folder / step
        if marker.exists() or not os.access(command[0], os.X_OK):
            continue
        say(text)
        environment = dict(os.environ, ZVONOK_DEMO=str(layout.demo))
        done = subprocess.run(command, cwd=ROOT, env=environment)
        if done.returncode != 0:
            raise servers.Failed(f"{command[0]} ended with {done.returncode}")
        marker.touch()


def addresses(layout: Layout) -> str:
    demo = json.loads(layout.demo.read_text())
    lines = [
        "",
        f"  cabinet         {demo['address']}",
        f"  letters         {demo['mail']['inbox']}",
        f"  broker          http://127.0.0.1:{layout.ports.management} (admin, password in {layout.secrets})",
        f"  certificate     {demo['authority']}  (a browser trusts it once imported)",
    ]
    for who in demo.get("signIns", []):
        lines.append(f"  {who['who']:<15} {who.get('login', '')} / {who.get('password', '')}")
    return "\n".join(lines) + "\n"


def down(layout: Layout, wipe: bool):
    was_running = stop_supervisor(layout.folder / "supervisor.pid")
    say("stopped" if was_running else "nothing was running")
    if wipe:
        data = layout.folder / "postgres"
        if data.is_symlink():
            shutil.rmtree(data.resolve(), ignore_errors=True)
        shutil.rmtree(layout.folder, ignore_errors=True)
        say("forgotten")


if __name__ == "__main__":
    main()
