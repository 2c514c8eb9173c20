"""The proxy: nginx, TLS and HTTP/2 on loopback, one address for all services."""

import os
import pwd

from .layout import FONTS, ROOT, SERVICES, Layout


def prepare(layout: Layout):
    """Writes the configuration from `deploy/proxy.conf`."""
    folder = layout.folder / "nginx"
    for part in ("tmp", "logs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    upstreams = "".join(
        f"    upstream {name} {{\n        server 127.0.0.1:{layout.ports.http[name]} max_fails=0;\n"
        "        keepalive 16;\n        keepalive_timeout 50s;\n    }\n"
        for name in SERVICES)
    locations = "".join(
        f"        location /{name}/ {{\n            proxy_pass http://{name};\n        }}\n" for name in SERVICES)
    values = {
        "user": f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else "",
        "port": str(layout.ports.proxy), "tls": str(layout.folder / "tls"), "fonts": str(FONTS),
        "upstreams": upstreams, "locations": locations,
    }
    text = (ROOT / "deploy" / "proxy.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    (folder / "nginx.conf").write_text(text)


def command(layout: Layout) -> dict:
    folder = layout.folder / "nginx"
    return {
        "command": ["/usr/sbin/nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "logs/error.log"], "stop": "QUIT",
    }
