"""A throw-away certificate authority and the proxy's certificate, valid on this machine only."""

import subprocess
from pathlib import Path

from .layout import Layout


def prepare(layout: Layout):
    """Makes authority and certificate once, and again when the certificate runs out within a month."""
    folder = layout.folder / "tls"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    certificate = folder / "proxy.pem"
    if certificate.exists() and _run(folder, "x509", "-in", "proxy.pem", "-noout", "-checkend", str(30 * 86400)) == 0:
        return
    _must(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "825",
          "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/O=Zvonok/CN=Zvonok of this machine",
          "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    (folder / "proxy.conf").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\n"
        "keyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n")
    _must(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "proxy.key",
          "-out", "proxy.csr", "-subj", "/O=Zvonok/CN=localhost")
    _must(folder, "x509", "-req", "-in", "proxy.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
          "-CAcreateserial", "-days", "825", "-out", "proxy.pem", "-extfile", "proxy.conf")
    for key in folder.glob("*.key"):
        key.chmod(0o600)


def _run(folder: Path, *arguments: str) -> int:
    return subprocess.run(["openssl", *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def _must(folder: Path, *arguments: str):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("openssl " + " ".join(arguments) + "\n" + done.stderr)
