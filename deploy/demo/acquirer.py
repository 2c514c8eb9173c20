#!/usr/bin/env python3
"""An emulator of ЮKassa's API v3 for the demo and the tests: payments, captures, cancellations, refunds, notifications, and the
page where the payer says yes or no. It keeps the protocol: HTTP Basic, keys of idempotence, final states, error bodies, status 200
for success and nothing else, notifications that are repeated until somebody answers 200.

    acquirer.py --port PORT --shop SHOP [--secret SECRET] [--notify URL] [--cafile FILE]

The secret may come in the environment as ACQUIRER_SECRET. With port 0 it takes a free one; the port is the first line it prints. Tests bend it by POST /emulator/trouble:
{"drop": 2} the next two creations are made, and their answers never sent; {"fail": 2} the next two requests end with 500 after they
were done; {"notify": "off" | "twice" | "once"}; {"hold": true} payments stay held until they are captured, whatever was asked; {"refuse": 1} the next refund is not made.
"""
import argparse
import base64
import datetime
import html
import json
import os
import queue
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The bank's page is none of ours and looks so.
STYLE = ("<style>body{font:1.125rem/1.5 sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;background:#eef1f4;color:#1b2530}"
         "h1{font-size:2.25rem;margin:1rem 0 0}button{font:inherit;min-height:3rem;padding:0 1.25rem;border:1px solid #6a7785;"
         "border-radius:4px;background:#fff}button[value=pay]{background:#0b6b3a;border-color:#0b6b3a;color:#fff}</style>")


class Refused(Exception):
    """An answer that is no success: status, code, words, field."""

    def __init__(self, status, code, description, parameter=None):
        super().__init__(description)
        self.status, self.code, self.description, self.parameter = status, code, description, parameter


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def kopecks(amount, parameter="amount"):
    """The sum of an amount; whatever is none is refused as they do."""
    try:
        value, currency = amount["value"], amount["currency"]
        roubles, point, rest = value.partition(".")
        if not (roubles.isdigit() and (not point or (rest.isdigit() and len(rest) <= 2))):
            raise ValueError
        number = int(roubles) * 100 + int((rest + "00")[:2] if point else 0)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refused(400, "invalid_request", "Incorrect payment amount", f"{parameter}.value") from None
    if currency != "RUB" or number <= 0:
        raise Refused(400, "invalid_request", "Incorrect payment amount", f"{parameter}.value")
    return number


def roubles(number):
    return {"value": f"{number // 100}.{number % 100:02d}", "currency": "RUB"}


def check_receipt(receipt, total):
    if receipt is None:
        return
    customer = receipt.get("customer") or {}
    if not (customer.get("email") or customer.get("phone")):
        raise Refused(400, "invalid_request", "Receipt needs email or phone", "receipt.customer")
    items = receipt.get("items") or []
    if not items or any(not item.get("description") or len(item["description"]) > 128 or item.get("vat_code") not in range(1, 13) for item in items):
        raise Refused(400, "invalid_request", "Incorrect receipt items", "receipt.items")
    if round(sum(kopecks(item["amount"], "receipt.items.amount") * float(item["quantity"]) for item in items)) != total:
        raise Refused(400, "invalid_request", "Receipt sum differs from payment amount", "receipt.items")


class Acquirer:
    """What is remembered, and what may become of it."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.payments, self.refunds, self.keys, self.ways = {}, {}, {}, {}
        self.trouble = {"drop": 0, "fail": 0, "notify": "once", "hold": False, "refuse": 0}
        self.notices = queue.Queue()
        threading.Thread(target=self.notify, daemon=True).start()

    # What shops ask

    def create(self, body):
        total = kopecks(body.get("amount"))
        if len(body.get("description") or "") > 128:
            raise Refused(400, "invalid_request", "Description is too long", "description")
        confirmation = body.get("confirmation") or {}
        if confirmation.get("type") != "redirect" or not confirmation.get("return_url"):
            raise Refused(400, "invalid_request", "Incorrect confirmation", "confirmation")
        metadata = body.get("metadata") or {}
        if len(metadata) > 16 or any(len(name) > 32 or len(str(value)) > 512 for name, value in metadata.items()):
            raise Refused(400, "invalid_request", "Incorrect metadata", "metadata")
        check_receipt(body.get("receipt"), total)
        number = str(uuid.uuid4())
        way = f"http://127.0.0.1:{self.options.port}/pay/{number}"
        self.payments[number] = {
            "id": number, "status": "pending", "paid": False, "amount": roubles(total), "created_at": now(),
            "description": body.get("description") or "", "metadata": metadata, "refundable": False, "test": True,
            "recipient": {"account_id": self.options.shop, "gateway_id": "100700"},
            "confirmation": {"type": "redirect", "confirmation_url": way, "return_url": confirmation["return_url"]},
        }
        self.ways[number] = {"return": confirmation["return_url"], "capture": body.get("capture", False), "total": total, "refunded": 0}
        return self.payments[number]

    def payment(self, number):
        if number not in self.payments:
            raise Refused(404, "not_found", f"Payment {number} doesn't exist", "payment_id")
        return self.payments[number]

    def capture(self, number, body):
        payment = self.payment(number)
        if payment["status"] != "waiting_for_capture":
            raise Refused(400, "invalid_request", f"Incorrect payment status: {payment['status']}", "payment_id")
        total = kopecks(body["amount"]) if body.get("amount") else self.ways[number]["total"]
        if total > self.ways[number]["total"]:
            raise Refused(400, "invalid_request", "Capture amount is larger than payment amount", "amount.value")
        self.ways[number]["total"] = total
        payment.update(amount=roubles(total))
        self.succeed(payment)
        return payment

    def cancel(self, number):
        payment = self.payment(number)
        if payment["status"] != "waiting_for_capture":
            raise Refused(400, "invalid_request", f"Incorrect payment status: {payment['status']}", "payment_id")
        self.end(payment, "merchant", "canceled_by_merchant")
        return payment

    def refund(self, body):
        number = body.get("payment_id")
        payment = self.payments.get(number)
        if payment is None or payment["status"] != "succeeded":
            raise Refused(400, "invalid_request", "Payment cannot be refunded", "payment_id")
        total, way = kopecks(body.get("amount")), self.ways[number]
        if way["refunded"] + total > way["total"]:
            raise Refused(400, "invalid_request", "Refund amount exceeds payment amount", "amount.value")
        check_receipt(body.get("receipt"), total)
        if self.trouble["refuse"] > 0:
            self.trouble["refuse"] -= 1
            refund = {"id": str(uuid.uuid4()), "payment_id": number, "status": "canceled", "amount": roubles(total), "created_at": now(),
                      "cancellation_details": {"party": "refund_network", "reason": "insufficient_funds"}}
            self.refunds[refund["id"]] = refund
            return refund
        way["refunded"] += total
        payment.update(refunded_amount=roubles(way["refunded"]), refundable=way["refunded"] < way["total"])
        refund = {"id": str(uuid.uuid4()), "payment_id": number, "status": "succeeded", "amount": roubles(total), "created_at": now(),
                  "description": body.get("description") or ""}
        self.refunds[refund["id"]] = refund
        self.say("refund.succeeded", refund)
        return refund

    # What the payer does

    def pay(self, number):
        payment = self.payment(number)
        if payment["status"] == "pending":
            payment["payment_method"] = {"type": "bank_card", "id": number, "saved": False, "title": "Bank card *4477",
                                         "card": {"first6": "555555", "last4": "4477", "expiry_month": "12", "expiry_year": "2030", "card_type": "MasterCard"}}
            if self.ways[number]["capture"] and not self.trouble["hold"]:
                self.succeed(payment)
            else:
                payment.update(status="waiting_for_capture", paid=True)
                self.say("payment.waiting_for_capture", payment)

    def refuse(self, number):
        payment = self.payment(number)
        if payment["status"] == "pending":
            self.end(payment, "payment_network", "general_decline")

    def succeed(self, payment):
        total = self.ways[payment["id"]]["total"]
        payment.update(status="succeeded", paid=True, refundable=True, captured_at=now(), income_amount=roubles(total - total * 28 // 1000))
        payment.pop("confirmation", None)
        self.say("payment.succeeded", payment)

    def end(self, payment, party, reason):
        payment.update(status="canceled", paid=False, refundable=False, cancellation_details={"party": party, "reason": reason})
        payment.pop("confirmation", None)
        self.say("payment.canceled", payment)

    # What the shop is told

    def say(self, event, thing):
        notice = json.dumps({"type": "notification", "event": event, "object": thing}).encode()
        for _ in range({"off": 0, "once": 1, "twice": 2}[self.trouble["notify"]]):
            self.notices.put((time.monotonic(), 0, notice))

    def notify(self):
        context = ssl.create_default_context(cafile=self.options.cafile) if self.options.cafile else None
        while True:
            due, tries, notice = self.notices.get()
            if not self.options.notify:
                continue
            if due > time.monotonic():
                self.notices.put((due, tries, notice))
                time.sleep(0.05)
                continue
            request = urllib.request.Request(self.options.notify, notice, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                    taken = answer.status == 200
            except OSError:
                taken = False
            if not taken and tries < 12:
                self.notices.put((time.monotonic() + min(2 ** tries, 600), tries + 1, notice))


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    acquirer = None

    def log_message(self, *_):
        pass

    def body(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return raw

    def send(self, status, data, kind="application/json"):
        data = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.serve("GET", b"")

    def do_POST(self):
        self.serve("POST", self.body())

    def serve(self, method, raw):
        path = urllib.parse.urlparse(self.path).path
        try:
            if path.startswith("/v3/"):
                self.api(method, path[3:], raw)
            elif path.startswith("/pay/"):
                self.page(method, path[5:], raw)
            elif path == "/emulator/trouble" and method == "POST":
                with self.acquirer.lock:
                    self.acquirer.trouble.update(json.loads(raw))
                self.send(200, self.acquirer.trouble)
            else:
                raise Refused(404, "not_found", "no such address")
        except Refused as refusal:
            error = {"type": "error", "id": str(uuid.uuid4()), "code": refusal.code, "description": refusal.description}
            if refusal.parameter:
                error["parameter"] = refusal.parameter
            self.send(refusal.status, error)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def api(self, method, path, raw):
        acquirer = self.acquirer
        wanted = "Basic " + base64.b64encode(f"{acquirer.options.shop}:{acquirer.options.secret}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            raise Refused(401, "invalid_credentials", "Authentication by given credentials failed")
        with acquirer.lock:
            if method == "GET":
                return self.send(200, self.look(path))
            try:
                body = json.loads(raw or b"{}")
            except ValueError:
                raise Refused(400, "invalid_request", "Body is not JSON") from None
            key = self.headers.get("Idempotence-Key")
            if not key or len(key) > 64:
                raise Refused(400, "invalid_request", "Idempotence key is missing or too long", "Idempotence-Key")
            known = acquirer.keys.get(key)
            if known and known[0] != (path, raw):
                raise Refused(400, "invalid_request", "Idempotence key was used with another request", "Idempotence-Key")
            if known:
                # A creation said again shows what has become of it meanwhile.
                answer = acquirer.payments.get(known[1]["id"], known[1]) if path == "/payments" else known[1]
            else:
                answer = json.loads(json.dumps(self.change(path, body))) if path != "/payments" else self.change(path, body)
                acquirer.keys[key] = ((path, raw), answer)
            if acquirer.trouble["drop"] > 0 and path == "/payments":
                acquirer.trouble["drop"] -= 1
                self.close_connection = True
                return self.connection.close()
            if acquirer.trouble["fail"] > 0:
                acquirer.trouble["fail"] -= 1
                raise Refused(500, "internal_server_error", "Try again with the same key")
            self.send(200, answer)

    def look(self, path):
        parts = path.strip("/").split("/")
        acquirer = self.acquirer
        if parts == ["me"]:
            return {"account_id": acquirer.options.shop, "status": "enabled", "test": True, "fiscalization_enabled": False}
        if parts == ["payments"]:
            return {"type": "list", "items": list(acquirer.payments.values())}
        if parts == ["refunds"]:
            return {"type": "list", "items": list(acquirer.refunds.values())}
        if len(parts) == 2 and parts[0] == "payments":
            return acquirer.payment(parts[1])
        if len(parts) == 2 and parts[0] == "refunds" and parts[1] in acquirer.refunds:
            return acquirer.refunds[parts[1]]
        raise Refused(404, "not_found", "no such thing")

    def change(self, path, body):
        parts = path.strip("/").split("/")
        if parts == ["payments"]:
            return self.acquirer.create(body)
        if parts == ["refunds"]:
            return self.acquirer.refund(body)
        if len(parts) == 3 and parts[0] == "payments" and parts[2] == "capture":
            return self.acquirer.capture(parts[1], body)
        if len(parts) == 3 and parts[0] == "payments" and parts[2] == "cancel":
            return self.acquirer.cancel(parts[1])
        raise Refused(404, "not_found", "no such address")

    def page(self, method, number, raw):
        """The bank's page, where the payer says yes or no."""
        acquirer = self.acquirer
        with acquirer.lock:
            payment = acquirer.payment(number)
            if method == "POST":
                said = urllib.parse.parse_qs(raw.decode()).get("answer", [""])[0]
                (acquirer.pay if said == "pay" else acquirer.refuse)(number)
                self.send_response(303)
                self.send_header("Location", acquirer.ways[number]["return"])
                self.send_header("Content-Length", "0")
                return self.end_headers()
            total, words = payment["amount"]["value"], html.escape(payment["description"])
            form = ('<form method="post"><button name="answer" value="pay">Оплатить</button> '
                    '<button name="answer" value="refuse">Отказаться</button></form>')
            if payment["status"] != "pending":
                form = f'<p>Платёж завершён. <a href="{html.escape(acquirer.ways[number]["return"])}">Вернуться</a></p>'
            self.send(200, f'<!doctype html><html lang="ru"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">{STYLE}'
                           f"<title>Оплата {total} ₽</title><body><p>Учебный эквайринг: настоящие деньги не списываются.</p>"
                           f"<h1>{total} ₽</h1><p>{words}</p>{form}</body></html>".encode(), "text/html")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shop", required=True)
    parser.add_argument("--secret", default=os.environ.get("ACQUIRER_SECRET"))
    parser.add_argument("--notify", default="")
    parser.add_argument("--cafile", default="")
    parser.add_argument("--until-input-ends", action="store_true", help="for tests: leave when the standard input is closed")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Door)
    options.port = server.server_address[1]
    Door.acquirer = Acquirer(options)
    print(options.port, flush=True)
    if options.until_input_ends:
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
