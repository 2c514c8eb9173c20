"""The till of a played day: lunches and the buffet over HTTPS; one sale in twenty is sent twice."""
import datetime
import json
import threading
import time
import uuid


class Till:
    """Sells, and remembers what it was told of each sale and when."""

    def __init__(self, demo, cards, clock, chance):
        self.demo, self.cards, self.clock, self.chance = demo, cards, clock, chance
        self.key = {"Authorization": f"Bearer {demo.facts['till']['key']}"}
        goods = demo.goods()
        self.lunches = [item for item in goods if item["group"] == "lunch"] or goods
        self.buffet = [item for item in goods if item["group"] not in ("breakfast", "secondBreakfast", "lunch", "snack")]
        self.answers, self.answered_at, self.waited, self.unanswered, self.again = {}, {}, [], [], 0
        self.lock = threading.Lock()
        self.own = threading.local()

    def plan(self, pupils):
        """Who buys what when: a list of (moment, act)."""
        acts = []
        for pupil in pupils:
            for goods, hour in ((self.buffet, 10), (self.lunches, 12)):
                if goods and (goods is self.lunches or self.chance.random() < 0.5):
                    minute, item = self.chance.randint(5, 40), self.chance.choice(goods)
                    acts.append((hour * 60 + minute, lambda p=pupil, i=item, h=hour, m=minute: self.sell(p, i, h, m)))
        return acts

    def sell(self, pupil, item, hour, minute):
        """One purchase until it is paid or refused for good, as a cashier does: when the accounts did not answer in time, a new sale."""
        moment = self.clock(hour, minute, self.chance.randint(0, 59)).astimezone(datetime.timezone.utc)
        end = time.time() + 180
        while True:
            sale = {"saleID": str(uuid.uuid4()), "card": self.cards[pupil], "items": [{"item": item["item"], "quantity": 1}],
                    "soldAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
            told = self.tell(sale)
            if not told or told.get("reason") not in ("tooLate", "withdrawn") or time.time() > end:
                return
            self.again += 1
            time.sleep(1)

    def tell(self, sale):
        """One sale under one identifier until it is answered, as a till does; sometimes once more after the answer. Gives the answer."""
        opener = getattr(self.own, "opener", None) or self.demo.opener()
        self.own.opener = opener
        for _ in range(2 if self.chance.random() < 0.05 else 1):
            began = time.time()
            end = began + 120
            while True:
                try:
                    status, text = self.demo.request(opener, "/canteen/tills/self/sales", data=sale, headers=self.key)
                except OSError:
                    status, text = 503, ""
                if status == 200 and json.loads(text)["state"] != "notPaid" or 400 <= status < 500 or time.time() > end:
                    break
                time.sleep(0.3)
            with self.lock:
                self.waited.append(time.time() - began)
                if status != 200:
                    self.unanswered.append((sale["saleID"], status, text[:200]))
                    return None
                answer = json.loads(text)
                self.answers[sale["saleID"]] = answer["state"]
                self.answered_at.setdefault(sale["saleID"], time.time())
        return answer

    def count(self):
        """What became of the sales: rows of the table, and the seconds from each answer into the feed."""
        from school import derived

        found = self.demo.gather(
            "create temporary table sent (sale uuid, notice uuid, answered timestamptz)", "sent",
            [(sale, derived(sale, "notice"), datetime.datetime.fromtimestamp(self.answered_at[sale], datetime.timezone.utc).isoformat())
             for sale in self.answers],
            "select x.sale, coalesce(s.state, ''),"
            " (select count(*) from ledger.charge c where c.sale_id = x.sale and c.state = 'posted'),"
            " (select count(*) from ledger.movement t where t.sale_id = x.sale and t.kind = 'charge'"
            "    and not exists (select from ledger.transfer r where r.reverses = t.id)),"
            " n.id is not null, extract(epoch from n.changed_at - x.answered)"
            " from sent x left join canteen.sale s on s.id = x.sale left join notifier.notice n on n.id = x.notice")
        told = {line[0]: line for line in found}
        paid = [line for line in found if line[1] == "completed"]
        lost = sum(1 for sale, state in self.answers.items() if state == "completed" and told[sale][1] != "completed")
        wrong = sum(1 for sale, state in self.answers.items() if state == "refused" and told[sale][1] == "completed")
        unpaid = [line for line in found if line[1] != "completed"]
        noticed = [line for line in paid if line[4] == "t"]
        return [
            ("sales", len(self.answers), sum(1 for line in found if line[1]), lost, wrong),
            ("charges", len(paid), sum(1 for line in paid if int(line[3])), sum(1 for line in paid if not int(line[3])),
             sum(1 for line in found if int(line[3]) > 1) + sum(1 for line in unpaid if int(line[3]))),
            ("purchases in the feed", len(paid), len(noticed), len(paid) - len(noticed), 0),
        ], [max(0.0, float(line[5])) for line in noticed]
