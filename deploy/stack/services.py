"""The six services: their configuration files, their broker objects, their schemas."""

import json
import subprocess
import urllib.error
import urllib.request

from . import portal, secrets_file, servers
from .layout import ROOT, SERVICES, Layout

DATABASE = "zvonok"
SHOP = "100500"


def secret_names() -> list[str]:
    return ["postgres", "rabbitmq", "gosuslugi.snilsKey", "acquirer"] + [f"{kind}.{name}" for name in SERVICES for kind in ("postgres", "rabbitmq")]


def connection(layout: Layout, user: str, password: str, database: str = DATABASE) -> str:
    return f"host=127.0.0.1 port={layout.ports.postgres} dbname={database} user={user} password={password}"


def run(layout: Layout, service: str, *arguments: str, timeout: float = 300) -> str:
    """Runs a command of a service with its configuration; returns what it prints."""
    command = [str(layout.binary(service)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd="/")
    if done.returncode != 0:
        raise servers.Failed(f"{service} {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def settings(layout: Layout, service: str) -> list[dict]:
    """Every key the service understands, as it says itself."""
    return json.loads(run(layout, service, "settings", "--json"))


def values(layout: Layout, service: str, secrets: dict[str, str]) -> dict[str, object]:
    """What an installation on one machine says for each key it knows of."""
    ports = layout.ports
    return {
        "postgres.url": connection(layout, service, secrets[f"postgres.{service}"]),
        "rabbitmq.url": f"amqp://{service}:{secrets[f'rabbitmq.{service}']}@127.0.0.1:{ports.amqp}",
        "rabbitmq.management": f"http://admin:{secrets['rabbitmq']}@127.0.0.1:{ports.management}",
        "http.host": "127.0.0.1",
        "http.port": ports.http[service],
        "http.publicAddress": layout.public_address,
        "health.host": "127.0.0.1",
        "health.port": ports.health[service],
        "log.format": "json",
        "mqtt.address": f"127.0.0.1:{ports.mqtt}",
        "mail.url": f"smtp://127.0.0.1:{ports.smtp}",
        "mail.from": "zvonok@localhost",
        # The catcher of letters stands beside us on the same machine and has no certificate.
        "mail.requireTLS": False,
        **portal.values(layout, secrets),
        # The emulator of an acquirer: whoever pays here pays nothing.
        "acquirer.shop": SHOP,
        "acquirer.secret": secrets["acquirer"],
        "acquirer.address": f"http://127.0.0.1:{ports.acquirer}/v3",
    }


def write_configuration(layout: Layout, secrets: dict[str, str]):
    """One YAML file per service with the keys it understands; a secret it requires and nobody else gives is made."""
    for service in SERVICES:
        known = settings(layout, service)
        given = values(layout, service, secrets)
        lines = [f"# Written by deploy/up for {service}; `{service} settings` explains every key.\n"]
        tree: dict = {}
        for setting in known:
            key = setting["key"]
            if key in given:
                value = given[key]
            elif setting["isRequired"] and setting["isSecret"]:
                value = secrets_file.load(layout.secrets, [f"{service}.{key}"])[f"{service}.{key}"]
            else:
                continue
            place = tree
            *path, last = key.split(".")
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value
        lines += yaml_lines(tree, 0)
        secrets_file.write_private(layout.config_file(service), "".join(lines))


def yaml_lines(tree: dict, depth: int) -> list[str]:
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += ["  " * depth + f"{key}:\n"] + yaml_lines(value, depth + 1)
        else:
            # What is JSON is YAML, whatever a string holds.
            text = json.dumps(value, ensure_ascii=False)
            lines.append("  " * depth + f"{key}: {text}\n")
    return lines


def definitions(layout: Layout, secrets: dict[str, str]) -> dict:
    """All broker objects: what the services say of themselves, put together, with the administrator."""
    command = [
        str(ROOT / "deploy" / "topology"), "print", "--programs", str(layout.binary(SERVICES[0]).parent),
        "--configs", str(layout.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise servers.Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    merged = json.loads(done.stdout)
    administrator = servers.fresh_definitions(secrets["rabbitmq"])
    for kind in ("users", "permissions"):
        merged[kind] = administrator[kind] + merged[kind]
    return merged


def make_database(layout: Layout, secrets: dict[str, str]):
    """Makes the database once; nobody may connect to it but who is told so."""
    conninfo = connection(layout, "postgres", secrets["postgres"], "postgres")

    def psql(*commands: str) -> str:
        arguments = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", conninfo]
        for command in commands:
            arguments += ["-c", command]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode != 0:
            raise servers.Failed("psql: " + done.stderr)
        return done.stdout.strip()

    if psql(f"select 1 from pg_database where datname = '{DATABASE}'") != "1":
        psql(f"create database {DATABASE}", f"revoke all on database {DATABASE} from public")


def migrate(layout: Layout, secrets: dict[str, str]):
    administrator = connection(layout, "postgres", secrets["postgres"])
    for service in SERVICES:
        run(layout, service, "migrate", "--config", str(layout.config_file(service)), "--admin", administrator)


def command(layout: Layout, service: str) -> dict:
    return {"command": [str(layout.binary(service)), "serve", "--config", str(layout.config_file(service))]}


def readiness(layout: Layout, service: str) -> dict | None:
    """What the service says of itself; `None` while it says nothing."""
    address = f"http://127.0.0.1:{layout.ports.health[service]}/ready"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as failure:
        return json.load(failure)
    except (OSError, ValueError):
        return None


def wait_until_ready(layout: Layout, seconds: float = 60):
    for service in SERVICES:
        try:
            servers.wait_until(
                f"{service} is ready", seconds, lambda: (readiness(layout, service) or {}).get("ready"),
                layout.logs / f"{service}.log")
        except servers.Failed as failure:
            raise servers.Failed(f"{failure}\nit says: {readiness(layout, service)}") from None
