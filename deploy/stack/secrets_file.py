"""The secrets of one installation: made once, in a file that only its owner reads."""

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path


def load(path: Path, names: list[str]) -> dict[str, str]:
    """The secrets by name; those that do not exist yet are made and stored."""
    known = json.loads(path.read_text()) if path.exists() else {}
    made = {name: secrets.token_urlsafe(24) for name in names if name not in known}
    if made:
        known.update(made)
        write_private(path, json.dumps(known, indent=1))
    return known


def write_private(path: Path, text: str):
    """Writes a file that nobody but its owner could read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.rename(path)


def broker_hash(password: str, salt_of: str = "") -> str:
    """A password as RabbitMQ's definitions want it: base64(salt + sha256(salt + password)).

    With `salt_of` (the user's name) the salt is derived, so that the same secrets give the same file and an
    unchanged file is not imported again; the password is random enough not to need more.
    """
    salt = hashlib.sha256(f"{salt_of}:{password}".encode()).digest()[:4] if salt_of else secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
