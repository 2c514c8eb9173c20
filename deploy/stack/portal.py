"""The emulator of Gosuslugi that the demo signs in through; an installation without the demo school has none."""

import sys
import urllib.error
import urllib.request

from . import servers
from .layout import ROOT, Layout

CLIENT = "ZVONOK"


def is_wanted(layout: Layout) -> bool:
    return layout.portal.is_dir()


def prepare(layout: Layout):
    layout.portal.mkdir(exist_ok=True)


def address(layout: Layout) -> str:
    return f"http://127.0.0.1:{layout.ports.portal}"


def values(layout: Layout, secrets: dict[str, str]) -> dict[str, object]:
    """What Identity is told of it."""
    if not is_wanted(layout):
        return {}
    return {
        "gosuslugi.protocol": "esia",
        "gosuslugi.address": address(layout),
        "gosuslugi.clientID": CLIENT,
        "gosuslugi.certificate": str(layout.portal / "school.crt"),
        "gosuslugi.key": str(layout.portal / "school.key"),
        "gosuslugi.portalCertificate": str(layout.portal / "portal.crt"),
        "gosuslugi.snilsKey": secrets["gosuslugi.snilsKey"],
    }


def command(layout: Layout) -> dict:
    return {"command": [
        sys.executable, str(ROOT / "deploy" / "demo" / "esia.py"), str(layout.portal), "--port", str(layout.ports.portal),
        "--client", CLIENT, "--redirect", f"{layout.public_address}/identity/gosuslugi/callback",
        "--persons", str(ROOT / "deploy" / "demo" / "school" / "portal.json")]}


def wait_until_ready(layout: Layout):
    """Its keys are made before it answers, so Identity finds them."""
    def answers() -> bool:
        try:
            urllib.request.urlopen(address(layout), timeout=2)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    servers.wait_until("the emulator of Gosuslugi answers", 30, answers, layout.logs / "portal.log")
