"""A real OpenID provider for the tests: oidc-provider-mock, which stands on Authlib. It checks registered clients, their
secrets and addresses, and wants a nonce. Prints its port; ends when the standard input ends."""
import os
import sys
import threading

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from oidc_provider_mock import app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

server = make_server("127.0.0.1", 0, app(require_client_registration=True, require_nonce=True), threaded=True)
print(server.server_port, flush=True)


def wait():
    while sys.stdin.buffer.read(1024):
        pass
    server.shutdown()


threading.Thread(target=wait, daemon=True).start()
server.serve_forever()
