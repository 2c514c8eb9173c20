"""A mail server for tests: prints its port, then one JSON line for every letter it takes.

Modes: plain | tls (STARTTLS demanded, user and password demanded) | refuse (550 for every recipient) | later (451) | vanish (takes the whole
letter and closes the connection without an answer).
"""
import json
import logging
import socket
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Taker:
    def __init__(self, mode):
        self.mode = mode

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "refuse":
            return "550 5.1.1 no such user here"
        if self.mode == "later":
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = message_from_bytes(envelope.content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in letter.walk() if not part.is_multipart()}
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": letter["Subject"], "sender": letter["From"],
            "id": letter["Message-ID"], "type": letter.get_content_type(), "parts": parts, "tls": session.ssl is not None,
            "peer": session.peer[1], "unsubscribe": letter["List-Unsubscribe"],
        }), flush=True)
        if self.mode == "vanish":
            server.transport.close()
            return "250 never arrives"
        return "250 taken"


class Server(Controller):
    def factory(self):
        if mode != "tls":
            return SMTP(self.handler, enable_SMTPUTF8=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        return SMTP(self.handler, tls_context=context, require_starttls=True, auth_required=True, authenticator=self.check)

    @staticmethod
    def check(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"zvonok", b"right horse"))


mode = sys.argv[1]
# A client that refuses our certificate is what the test wants, and no trouble of the server.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
logging.lastResort = None
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
controller = Server(Taker(mode), hostname="127.0.0.1", port=port)
controller.start()
print(port, flush=True)
sys.stdin.read()
controller.stop()
