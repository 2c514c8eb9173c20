#!/usr/bin/env python3
"""An emulator of Gosuslugi's sign-in (ЕСИА), as far as a school's cabinet meets it; for tests and the demo, never for people.

    esia.py FOLDER --client SCHOOL --redirect https://cabinet.example/identity/gosuslugi/callback --persons persons.json

It is strict where the portal is strict: the redirect address must be the registered one; every request must carry a CMS
signature by the registered certificate over scope, timestamp, client_id and state; the timestamp must be of now; a code is
good once, for a minute and for the client and address it was made for, and its second use takes back what the first one gave;
tokens are signed; a person's data are told to the bearer of his token only, as far as the scope goes. Errors have the portal's
numbers. The keys and certificates of both sides are made in FOLDER when they are not there yet (school.crt, school.key,
portal.crt, portal.key), with RSA or, by --engine gost, with GOST R 34.10-2012.

What the portal has and this has not: organisations, children's lists, refresh tokens, consents, the newer v2/ac and v3/te.

The first line it prints is its port. --faults lets a test spoil its answers by PUT /emulator/fault.
"""
import argparse
import base64
import html
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

CLOCK_DIFFERENCE = 300
CODE_LIFE = 60
TOKEN_LIFE = 3600
SCOPES = {"openid", "fullname", "birthdate", "gender", "snils", "email", "mobile", "contacts"}


class Refused(Exception):
    """A request that the portal would not take; the number is the portal's."""

    def __init__(self, number: str, text: str, error: str = "invalid_request"):
        super().__init__(text)
        self.error = error
        self.description = f"ESIA-{number}: {text}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Signatures:
    """The keys of both sides, by the program openssl: an implementation of its own, apart from what it checks."""

    def __init__(self, folder: Path, engine: str):
        self.folder = folder
        self.engine = ["-engine", engine] if engine else []
        self.algorithm = "GOST3410_2012_256" if engine else "RS256"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("school", "portal", "stranger"):
            if not (folder / f"{name}.crt").exists():
                kind = ["gost2012_256", "-pkeyopt", "paramset:A", "-md_gost12_256"] if engine else ["rsa:2048"]
                self.openssl(
                    "req", "-x509", *self.engine, "-newkey", *kind, "-nodes", "-days", "365", "-subj", f"/CN={name}",
                    "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"))

    def openssl(self, *arguments: str, data: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout

    def is_schools(self, secret: str, message: str) -> bool:
        certificate = str(self.folder / "school.crt")
        with tempfile.TemporaryDirectory() as place:
            signature, content = Path(place, "signature"), Path(place, "content")
            try:
                signature.write_bytes(from_base64url(secret))
            except ValueError:
                return False
            content.write_bytes(message.encode())
            try:
                # No certificate of the message's own counts, only the registered one.
                self.openssl(
                    "cms", "-verify", *self.engine, "-inform", "DER", "-in", str(signature), "-content", str(content), "-binary",
                    "-nointern", "-certfile", certificate, "-CAfile", certificate, "-purpose", "any")
                return True
            except subprocess.CalledProcessError:
                return False

    def token(self, claims: dict, kind: str, by: str = "portal") -> str:
        head = {"ver": 1, "typ": "JWT", "sbt": kind, "alg": self.algorithm}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        digest = "-md_gost12_256" if self.engine else "-sha256"
        signature = self.openssl(
            "dgst", *self.engine, digest, "-sign", str(self.folder / f"{by}.key"), data=signed.encode())
        return f"{signed}.{base64url(signature)}"


class Portal:
    def __init__(self, arguments):
        self.signatures = Signatures(Path(arguments.folder), arguments.engine)
        self.client = arguments.client
        self.redirects = arguments.redirect
        self.issuer = arguments.issuer
        self.persons = json.loads(Path(arguments.persons).read_text()) if arguments.persons else []
        self.takes_faults = arguments.faults
        self.fault = ""
        self.lock = threading.Lock()
        # What was asked and waits for a person; codes; access tokens: each by a secret.
        self.asked: dict[str, dict] = {}
        self.codes: dict[str, dict] = {}
        self.tokens: dict[str, dict] = {}

    def check(self, query: dict, needed: list[str]):
        """What both kinds of request have in common."""
        for name in needed:
            if not query.get(name):
                raise Refused("007014", f"the parameter {name} is missing")
        if query["client_id"] != self.client:
            raise Refused("008010", "the client is unknown", "unauthorized_client")
        scopes = query["scope"].split(" ")
        if not set(scopes) <= SCOPES:
            raise Refused("007006", f"the scope is unknown: {query['scope']}", "invalid_scope")
        try:
            moment = datetime.strptime(query["timestamp"], "%Y.%m.%d %H:%M:%S %z")
        except ValueError:
            raise Refused("007015", "the timestamp is none") from None
        if abs((datetime.now(timezone.utc) - moment).total_seconds()) > CLOCK_DIFFERENCE:
            raise Refused("007015", "the timestamp is not of now")
        try:
            uuid.UUID(query["state"])
        except ValueError:
            raise Refused("007003", "the state is no UUID") from None
        message = query["scope"] + query["timestamp"] + query["client_id"] + query["state"]
        if not self.signatures.is_schools(query["client_secret"], message):
            raise Refused("007053", "the client_secret is wrong", "unauthorized_client")

    def ask(self, query: dict) -> str:
        """A browser has come to sign in; gives what the page's form carries."""
        self.check(query, ["client_id", "client_secret", "redirect_uri", "scope", "response_type", "state", "timestamp"])
        if query["response_type"] != "code":
            raise Refused("007003", "the response_type must be code")
        name = secrets.token_urlsafe(16)
        with self.lock:
            self.asked[name] = query
        return name

    def person(self, login: str, password: str) -> dict | None:
        return next((p for p in self.persons if login in p["logins"] and p["password"] == password), None)

    def code(self, name: str, person: dict | None) -> str | None:
        """Where the browser goes: with a code, or without one when the person declined; None when nobody asked."""
        with self.lock:
            query = self.asked.pop(name, None)
            if query is None:
                return None
            if person is None:
                answer = {"error": "access_denied", "error_description": "ESIA-007004: the person declined"}
            else:
                code = secrets.token_urlsafe(24)
                self.codes[code] = {
                    "at": time.monotonic(), "person": person, "scope": query["scope"], "client": query["client_id"],
                    "redirect": query["redirect_uri"], "token": None}
                answer = {"code": code}
        return with_query(query["redirect_uri"], {**answer, "state": query["state"]})

    def exchange(self, form: dict) -> dict:
        self.check(form, ["client_id", "code", "grant_type", "client_secret", "state", "redirect_uri", "scope", "timestamp", "token_type"])
        if form["grant_type"] != "authorization_code":
            raise Refused("007003", "the grant_type must be authorization_code", "unsupported_grant_type")
        with self.lock:
            code = self.codes.get(form["code"])
            if code is None:
                raise Refused("007011", "the code is unknown", "invalid_grant")
            if code["token"] is not None:
                self.tokens.pop(code["token"], None)
                raise Refused("007011", "the code has been used", "invalid_grant")
            if time.monotonic() - code["at"] > CODE_LIFE:
                raise Refused("007011", "the code is over", "invalid_grant")
            if (code["client"], code["redirect"], code["scope"]) != (form["client_id"], form["redirect_uri"], form["scope"]):
                raise Refused("007011", "the code was made for something else", "invalid_grant")
            answer = self.answer(code, form)
            code["token"] = answer["access_token"]
            self.tokens[answer["access_token"]] = {"person": code["person"], "scope": code["scope"].split(" "), "until": time.time() + TOKEN_LIFE}
        return answer

    def answer(self, code: dict, form: dict) -> dict:
        person, now = code["person"], int(time.time())
        oid, session = int(person["oid"]), str(uuid.uuid4())
        fault = self.fault
        times = {"iat": now, "nbf": now, "exp": now + TOKEN_LIFE}
        if fault == "expired":
            times = {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}
        issuer = "http://stranger.example/" if fault == "issuer" else self.issuer
        by = "stranger" if fault == "signature" else "portal"
        audience = "SOMEBODY" if fault == "audience" else self.client
        access = {
            "iss": issuer, "client_id": audience, "scope": " ".join(f"{name}?oid={oid}" if name != "openid" else name for name in code["scope"].split(" ")),
            "urn:esia:sid": session, "urn:esia:sbj_id": oid, **times}
        identity = {
            "iss": issuer, "aud": audience, "sub": oid + 1 if fault == "otherPerson" else oid, "auth_time": now, "amr": "PWD", "urn:esia:sid": session,
            "urn:esia:sbj": {"urn:esia:sbj:typ": "P", "urn:esia:sbj:is_tru": person["trusted"], "urn:esia:sbj:oid": oid, "urn:esia:sbj:nam": f"OID.{oid}"},
            **times}
        tokens = {"access_token": self.signatures.token(access, "access", by), "expires_in": TOKEN_LIFE, "token_type": "Bearer",
                  "state": str(uuid.uuid4()) if fault == "state" else form["state"]}
        if "openid" in code["scope"].split(" "):
            tokens["id_token"] = self.signatures.token(identity, "id", by)
        return tokens

    def told(self, oid: str, bearer: str, embeds: bool) -> dict | None:
        """A person's data for the bearer of his token; None for everybody else."""
        with self.lock:
            token = self.tokens.get(bearer)
        if token is None or token["until"] < time.time() or str(token["person"]["oid"]) != oid:
            return None
        person, scope = token["person"], token["scope"]
        told = {"stateFacts": ["EntityRoot"], "trusted": person["trusted"], "status": "REGISTERED", "citizenship": "RUS"}
        for field, name in [("firstName", "fullname"), ("lastName", "fullname"), ("middleName", "fullname"), ("birthDate", "birthdate"),
                            ("gender", "gender"), ("snils", "snils")]:
            if name in scope and person.get(field):
                told[field] = person[field]
        if embeds:
            kinds = {"EML": {"email", "contacts"}, "MBT": {"mobile", "contacts"}, "PHN": {"contacts"}}
            elements = [contact for contact in person.get("contacts", []) if kinds[contact["type"]] & set(scope)]
            told["contacts"] = {"stateFacts": ["hasSize"], "size": len(elements), "elements": elements}
        return told


def with_query(address: str, more: dict) -> str:
    return address + ("&" if urlsplit(address).query else "?") + urlencode(more)


PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Эмулятор Госуслуг</title><body style="font: 1rem/1.5 sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem">
<p><b>Это эмулятор для проверки, не Госуслуги.</b> Настоящий пароль сюда вводить нельзя.</p><h1>Вход</h1>{body}</body></html>"""
FORM = """<form method="post" action="/login"><input type="hidden" name="request" value="{name}">
<p><label>Телефон или почта<br><input name="login" value="{login}" autocomplete="username"></label></p>
<p><label>Пароль<br><input name="password" type="password" autocomplete="current-password"></label></p>
<p role="alert">{wrong}</p><p><button name="answer" value="yes">Войти</button> <button name="answer" value="no">Отказаться</button></p></form>{hint}"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    portal: Portal

    def do_GET(self):
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        if address.path == "/aas/oauth2/ac":
            self.sign_in(query)
        elif address.path.startswith("/rs/prns/"):
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            told = self.portal.told(address.path.split("/")[3], bearer, query.get("embed") == "(contacts.elements)")
            if self.portal.fault == "noPerson":
                told = None
            self.json(401 if told is None else 200, {"code": "ESIA-007019", "message": "no permission"} if told is None else told)
        else:
            self.json(404, {"message": "not found"})

    def do_POST(self):
        form = dict(parse_qsl(self.body().decode(), keep_blank_values=True))
        path = urlsplit(self.path).path
        if path == "/login":
            self.login(form)
        elif path == "/aas/oauth2/te":
            self.exchange(form)
        else:
            self.json(404, {"message": "not found"})

    def do_PUT(self):
        body = self.body().decode()
        if self.path == "/emulator/fault" and self.portal.takes_faults:
            self.portal.fault = body
            self.json(200, {})
        else:
            self.json(404, {"message": "not found"})

    def sign_in(self, query: dict):
        # Nobody is sent to an address that is not registered.
        if query.get("redirect_uri") not in self.portal.redirects or query.get("client_id") != self.portal.client:
            self.page(400, "<p>ESIA-007023: redirect_uri или client_id не зарегистрированы.</p>")
            return
        try:
            self.form(self.portal.ask(query))
        except Refused as refused:
            answer = {"error": refused.error, "error_description": refused.description, "state": query.get("state", "")}
            self.redirect(with_query(query["redirect_uri"], answer))

    def login(self, form: dict):
        name = form.get("request", "")
        if form.get("answer") == "no":
            where = self.portal.code(name, None)
        else:
            person = self.portal.person(form.get("login", "").strip(), form.get("password", ""))
            if person is None:
                self.form(name, form.get("login", ""), "Логин или пароль не подошли.")
                return
            where = self.portal.code(name, person)
        if where is None:
            self.page(400, "<p>Этот вход уже закончен.</p>")
        else:
            self.redirect(where)

    def exchange(self, form: dict):
        fault = self.portal.fault
        if fault == "slow":
            time.sleep(8)
        if fault == "down":
            self.json(503, {"message": "down"})
            return
        if fault == "garbage":
            self.send(200, "text/html", b"<html>maintenance</html>")
            return
        try:
            self.json(200, self.portal.exchange(form))
        except Refused as refused:
            self.json(400, {"error": refused.error, "error_description": refused.description, "state": form.get("state", "")})

    def form(self, name: str, login: str = "", wrong: str = ""):
        known = "".join(f"<li>{html.escape(p['logins'][0])} / {html.escape(p['password'])} — {html.escape(p.get('about', ''))}</li>" for p in self.portal.persons)
        self.page(200, FORM.format(name=html.escape(name), login=html.escape(login), wrong=html.escape(wrong), hint=f"<p>Придуманные люди:</p><ul>{known}</ul>"))

    def page(self, status: int, body: str):
        self.send(status, "text/html; charset=utf-8", PAGE.format(body=body).encode())

    def json(self, status: int, value: dict):
        self.send(status, "application/json;charset=UTF-8", json.dumps(value, ensure_ascii=False).encode())

    def redirect(self, address: str):
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, status: int, kind: str, body: bytes):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        try:
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            # Who asked waits no longer: of a slow portal that is to be expected.
            self.close_connection = True

    def body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))

    def log_message(self, format, *values):
        # The line of a request holds codes.
        print(f"{self.command} {urlsplit(self.path).path} {values[1] if len(values) > 1 else ''}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the keys of both sides are")
    parser.add_argument("--port", type=int, default=0, help="at 127.0.0.1; 0 = any free one")
    parser.add_argument("--client", default="SCHOOL", help="the mnemonic of the registered system")
    parser.add_argument("--redirect", action="append", default=[], help="a registered address to come back to")
    parser.add_argument("--persons", help="JSON: oid, logins, password, trusted, snils, birthDate, contacts …")
    parser.add_argument("--issuer", default="http://esia.gosuslugi.ru/")
    parser.add_argument("--engine", default="", help="gost: keys and signatures by GOST R 34.10-2012")
    parser.add_argument("--faults", action="store_true", help="a test may spoil the answers")
    parser.add_argument("--with-parent", action="store_true", help="end when the standard input ends, and take FOLDER along")
    arguments = parser.parse_args()
    Handler.portal = Portal(arguments)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    if arguments.with_parent:
        def wait():
            while sys.stdin.buffer.read(1024):
                pass
            server.shutdown()
        threading.Thread(target=wait, daemon=True).start()
    server.serve_forever()
    if arguments.with_parent:
        shutil.rmtree(arguments.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
