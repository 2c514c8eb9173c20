"""The lessons of a played day: the class teacher of the demo family writes topics, homework, marks, absences and a remark."""
import json
import re
import uuid


class Teacher:
    """Writes into the gradebook through its page, and remembers which marks were taken."""

    def __init__(self, demo, chance):
        self.demo, self.chance = demo, chance
        self.given, self.lessons = {}, 0
        self.opener = demo.signed_in("class-teacher")

    def page(self, address):
        status, text = self.demo.request(self.opener, address)
        return json.loads(text) if status == 200 else None

    def plan(self):
        """What the teacher writes when: a list of (moment, act)."""
        book = self.page("/journal/gradebook") or {}
        links = (book.get("today") or book.get("classes") or [])[:6]
        child = self.demo.ask(f"select id from journal.directory_person where roster_number = '{self.demo.facts['family'][0]}'")[0][0]
        acts = [(9 * 60 + 15 + 60 * number, lambda link=link: self.write(link["address"])) for number, link in enumerate(links)]
        for text, readers in (("Забыл сменную обувь.", "parents"), ("Хорошая работа на уроке.", "both")):
            acts.append((13 * 60 + 20, lambda text=text, readers=readers: self.demo.patient(
                self.opener, f"/journal/children/{child}/remarks", form={"id": str(uuid.uuid4()), "text": text, "for": readers})))
        return acts

    def write(self, address):
        """One lesson, its form again until it is answered."""
        status, text = self.demo.patient(self.opener, address)
        if status != 200:
            return
        page = json.loads(text)
        marks = {row["field"]: self.chance.choice(["5", "4", "4 за работу у доски", "3", "", "", "н", "оп 5"]) for row in page["rows"]}
        form = marks | {"topic": "Повторение пройденного", "homework": "Параграф 14, задания 2 и 3", "work": "", "weight": "1"}
        if self.demo.patient(self.opener, page["address"], form=form)[0] < 400:
            self.lessons += 1
            schoolclass, day, number = re.search(r"/classes/([^/]+)/lessons/([^/]+)/(\d+)", page["address"]).groups()
            for field, mark in marks.items():
                if mark[:1].isdigit():
                    self.given[schoolclass, day, number, re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", field).group(0)] = mark[0]

    def count(self):
        """What became of the marks."""
        found = self.demo.gather(
            "create temporary table sent (class uuid, day date, number integer, person uuid, value text)", "sent",
            [(*key, value) for key, value in self.given.items()],
            "select m.id, (select count(*) from notifier.notice n where n.child_id = s.person and n.kind = 'mark' and not n.ended"
            "   and n.day = s.day and n.facts->>'lessonNumber' = s.number::text and n.facts->>'value' = s.value)"
            " from sent s left join journal.lesson l on l.class_id = s.class and l.day = s.day and l.number = s.number"
            " left join journal.mark m on m.lesson_id = l.id and m.person_id = s.person and m.value = s.value and not m.ended")
        kept = [line for line in found if line[0]]
        told = [line for line in kept if int(line[1])]
        return [
            ("marks", len(found), len(kept), len(found) - len(kept), 0),
            ("marks in the feed", len(kept), len(told), len(kept) - len(told), sum(1 for line in told if int(line[1]) > 1)),
        ]
