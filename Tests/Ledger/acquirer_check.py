"""The emulator of the acquirer, asked by the acquirer's own client library: what the library understands is the protocol.

acquirer_check.py ADDRESS SHOP SECRET    prints one line for everything that holds; ends with 1 at the first thing that does not.
"""
import sys
import urllib.parse
import urllib.request
import uuid

from yookassa import Configuration, Payment, Refund, Settings
from yookassa.domain.exceptions import BadRequestError, NotFoundError, UnauthorizedError
from yookassa.domain.notification import WebhookNotificationFactory

address, shop, secret = sys.argv[1:4]
Configuration.configure(shop, secret, api_url=f"{address}/v3", timeout=5000, max_attempts=1, verify=False)


def holds(what, is_so):
    if not is_so:
        sys.exit(f"does not hold: {what}")
    print(what)


def refused(error, what, act):
    try:
        act()
    except error as refusal:
        return holds(what, refusal.content.get("type") == "error" if isinstance(refusal.content, dict) else True)
    sys.exit(f"was not refused: {what}")


def order(total="100.00", **more):
    return {"amount": {"value": total, "currency": "RUB"}, "confirmation": {"type": "redirect", "return_url": "https://localhost/back"},
            "capture": True, "description": "Пополнение лицевого счёта 0270000001", "metadata": {"order": "7"}, **more}


def say(payment, answer):
    """Answers on the bank's page as a payer does, without following the way back."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None
    try:
        urllib.request.build_opener(Stay).open(payment.confirmation.confirmation_url, urllib.parse.urlencode({"answer": answer}).encode())
    except urllib.error.HTTPError as way_back:
        return way_back.code, way_back.headers["Location"]


holds("the account answers", Settings.get_account_settings()["account_id"] == shop)
key = str(uuid.uuid4())
payment = Payment.create(order(), key)
holds("a payment begins pending and unpaid", payment.status == "pending" and not payment.paid)
holds("the same key gives the same payment", Payment.create(order(), key).id == payment.id)
refused(BadRequestError, "the same key with another sum is refused", lambda: Payment.create(order("200.00"), key))
holds("another key gives another payment", Payment.create(order(), str(uuid.uuid4())).id != payment.id)
holds("the payer goes back to us", say(payment, "pay") == (303, "https://localhost/back"))
paid = Payment.find_one(payment.id)
holds("it has succeeded", paid.status == "succeeded" and paid.paid and str(paid.amount.value) == "100.00")
holds("the card and our word came with it", paid.payment_method.card.last4 == "4477" and paid.metadata["order"] == "7")
holds("it stays so, whatever the payer says later", say(payment, "refuse") and Payment.find_one(payment.id).status == "succeeded")
notice = WebhookNotificationFactory().create({"type": "notification", "event": "payment.succeeded", "object": dict(paid)})
holds("a notification of it can be read", notice.event == "payment.succeeded" and notice.object.id == payment.id)

declined = Payment.create(order(), str(uuid.uuid4()))
say(declined, "refuse")
declined = Payment.find_one(declined.id)
holds("a refused one is cancelled with party and reason", declined.status == "canceled" and declined.cancellation_details.reason == "general_decline")

held = Payment.create(order(capture=False), str(uuid.uuid4()))
refused(BadRequestError, "what is not held cannot be captured", lambda: Payment.capture(held.id))
say(held, "pay")
holds("a payment in two steps is held", Payment.find_one(held.id).status == "waiting_for_capture")
holds("a part of it can be captured", Payment.capture(held.id, {"amount": {"value": "60.00", "currency": "RUB"}}).amount.value == 60)
let_go = Payment.create(order(capture=False), str(uuid.uuid4()))
say(let_go, "pay")
holds("what is held can be let go", Payment.cancel(let_go.id).cancellation_details.party == "merchant")

refund_key = str(uuid.uuid4())
back = {"payment_id": payment.id, "amount": {"value": "40.00", "currency": "RUB"}}
refund = Refund.create(back, refund_key)
holds("a part is given back", refund.status == "succeeded" and Refund.create(back, refund_key).id == refund.id)
refused(BadRequestError, "no more than was paid is given back",
        lambda: Refund.create({**back, "amount": {"value": "60.01", "currency": "RUB"}}, str(uuid.uuid4())))
holds("the payment says what was given back", Payment.find_one(payment.id).refunded_amount.value == 40)

line = {"description": "Аванс за питание", "quantity": "1.0", "amount": {"value": "100.00", "currency": "RUB"}, "vat_code": 1,
        "payment_mode": "advance", "payment_subject": "payment"}
receipt = {"customer": {"email": "p@example.ru"}, "tax_system_code": 1, "items": [line]}
holds("a receipt is taken", Payment.create(order(receipt=receipt), str(uuid.uuid4())).status == "pending")
refused(BadRequestError, "a receipt of another sum is refused",
        lambda: Payment.create(order("99.00", receipt=receipt), str(uuid.uuid4())))
refused(NotFoundError, "what does not exist is not found", lambda: Payment.find_one(str(uuid.uuid4())))
holds("payments are listed", len(Payment.list({"limit": 10}).items) >= 5)
Configuration.configure(shop, "another", api_url=f"{address}/v3", timeout=5000, max_attempts=1, verify=False)
refused(UnauthorizedError, "a wrong secret is refused", lambda: Payment.find_one(payment.id))
