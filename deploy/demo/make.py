#!/usr/bin/env python3
"""Makes the demo school's lists in school/ from the real data in data/ and from lists of Russian names.

The lists lie in the repository, so nobody needs to run this to start the demo. It is here so that it can be seen how they came about, and to
make them anew: it needs the package mimesis (MIT, its notice is data/names-LICENSE-mimesis), whose lists of names it reads. Only people's names
are made up; the placement of lessons, the menus, the marks and the first card numbers are real (data/*/README.md).
"""
import csv
import importlib.resources
import json
import random
import re
import xml.etree.ElementTree as xml
from pathlib import Path

HERE = Path(__file__).parent
SCHOOL = HERE / "school"
PUPILS_PER_CLASS = 28
chance = random.Random(20)

# Spanish years to Russian grades by age; the letters count up.
XHSTT_CLASSES = {
    "1-ESO-A": "6А", "1-ESO-B": "6Б", "1-ESO-C": "6В", "2-ESO-A": "7А", "2-ESO-B": "7Б", "2-ESO-C": "7В", "2-ESO-D": "7Г",
    "3-ESO-A": "8А", "3-ESO-B": "8Б", "3-ESO-C": "8В", "3-ESO-D": "8Г", "4-ESO-A": "9А", "4-ESO-B": "9Б", "4-ESO-C": "9В",
    "4-ESO-C2": "9Г", "1-BAT-A": "10А", "1-BAT-B": "10Б", "1-BAT-C": "10В", "2-BAT-A": "11А", "2-BAT-B": "11Б",
}
JUNIOR_CLASSES = [f"{grade}{letter}" for grade in range(1, 6) for letter in "АБ"]
SENIOR_SUBJECTS = [
    "Русский язык", "Алгебра", "Литература", "Английский язык", "Геометрия", "История", "Физика", "Биология", "География", "Химия",
    "Обществознание", "Информатика", "Технология", "ОБЗР", "Музыка", "Вероятность и статистика",
]
JUNIOR_WEEK = {
    "mon": ["Русский язык", "Математика", "Литературное чтение", "Физкультура", "Окружающий мир"],
    "tue": ["Математика", "Русский язык", "Английский язык", "Музыка"],
    "wed": ["Русский язык", "Литературное чтение", "Математика", "Физкультура", "ИЗО"],
    "thu": ["Литературное чтение", "Математика", "Русский язык", "Окружающий мир", "Технология"],
    "fri": ["Русский язык", "Математика", "Английский язык", "Физкультура", "Литературное чтение"],
}
ROOMS = {"GIM1": "Спортзал 1", "GIM2": "Спортзал 2", "PISTA1": "Стадион", "PISTA2": "Стадион 2"}


def names():
    text = (importlib.resources.files("mimesis") / "datasets" / "ru" / "person.json").read_text("utf-8")
    person = json.loads(text)
    surnames = sorted({name for name in person["surnames"]["male"] if re.search(r"(ов|ев|ин|ский)$", name)})
    return surnames, person["names"], person["patronymic"]


SURNAMES, GIVEN, PATRONYMIC = names()
COMMON = {
    "female": [n for n in GIVEN["female"] if n in set(
        "Мария Анна Софья Алиса Виктория Ева Полина Варвара Александра Елизавета Арина Дарья Екатерина Ксения Вероника Милана Таисия Кира Ольга "
        "Татьяна Наталья Елена Ирина Светлана Юлия Марина Людмила Галина Надежда Вера Любовь Валентина Лариса Тамара Нина".split())],
    "male": [n for n in GIVEN["male"] if n in set(
        "Александр Михаил Иван Артём Лев Максим Дмитрий Матвей Марк Тимофей Кирилл Роман Илья Егор Глеб Фёдор Никита Андрей Алексей Сергей "
        "Павел Николай Владимир Константин Олег Игорь Денис Антон Евгений Виктор Юрий Пётр Степан Григорий Борис Тихон Захар Даниил".split())],
}


def feminine(surname):
    return surname[:-2] + "ая" if surname.endswith("ский") else surname + "а"


def surname(base, gender):
    return feminine(base) if gender == "f" else base


def given(gender):
    return chance.choice(COMMON["female" if gender == "f" else "male"])


def patronymic(gender):
    return chance.choice(PATRONYMIC["female" if gender == "f" else "male"])


def write(name, header, rows):
    with open(SCHOOL / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def people():
    classes = JUNIOR_CLASSES + list(XHSTT_CLASSES.values())
    seats = [(klass, seat) for klass in classes for seat in range(PUPILS_PER_CLASS)]
    chance.shuffle(seats)
    pupils, guardians, guardian_count, families = [], [], 0, 0
    while seats:
        size = min(len(seats), chance.choices([1, 2, 3], [70, 25, 5])[0])
        base = chance.choice(SURNAMES)
        families += 1
        adults = []
        father = chance.choice(COMMON["male"])
        for gender, relation in (("f", "мать"), ("m", "отец")):
            if relation == "отец" and chance.random() < 0.38:
                continue
            guardian_count += 1
            number = f"R{guardian_count:04d}"
            first = given(gender) if gender == "f" else father
            adults.append([
                number, relation, surname(base, gender), first, patronymic(gender), gender, f"+7000555{guardian_count:04d}",
                f"semya{families:04d}{'' if gender == 'f' else '.otec'}@example.org",
            ])
        for _ in range(size):
            klass, _ = seats.pop()
            grade = int(re.match(r"\d+", klass).group())
            gender = chance.choice("fm")
            number = f"P{len(pupils) + 1:04d}"
            middle = next((p for p in PATRONYMIC["female" if gender == "f" else "male"] if p.startswith(father[:-1])), patronymic(gender))
            born = f"{2026 - 7 - grade + 1}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
            pupils.append(["demo", klass, number, surname(base, gender), given(gender), middle, gender, born])
            guardians += [[number, *adult] for adult in adults]
    pupils.sort(key=lambda p: (int(re.match(r"\d+", p[1]).group()), p[1], p[3], p[4]))
    write("classes.csv", ["school", "class"], [["demo", klass] for klass in classes])
    write("pupils.csv", "school class pupil_number surname given_name patronymic gender birth_date".split(), pupils)
    write("guardians.csv", "pupil_number guardian_number relation surname given_name patronymic gender phone email".split(), guardians)
    return pupils, classes


def timetable_and_staff(classes):
    root = xml.parse(HERE / "data/timetables/xhstt-ES-SS-08.xml").getroot()
    instance = root.find("Instances/Instance")
    kind = {r.get("Id"): r.find("ResourceType").get("Reference") for r in instance.findall("Resources/Resource")}
    events = [e for e in instance.iter("Event") if e.get("Id")]
    staff, mapping = [], []

    def hire(role, klass="", subject="", gender=None, number=None):
        if number is None:
            number = f"S{len({row[1] for row in staff}) + 1:03d}"
            gender = gender or chance.choices("fm", [80, 20])[0]
            person = [surname(chance.choice(SURNAMES), gender), given(gender), patronymic(gender), gender]
        else:
            person = next(row[2:6] for row in staff if row[1] == number)
        phone, email = f"+7000777{number[1:]:0>4}", f"{number.lower()}@school.example.org"
        staff.append(["demo", number, *person, role, klass, subject, phone, email])
        return number

    for index, klass in enumerate(classes[:10]):
        number = hire("classTeacher", klass, "Начальные классы", "f")
        hire("subjectTeacher", "", "Начальные классы", number=number)
    english = [hire("subjectTeacher", "", "Английский язык") for _ in range(2)]
    sport = hire("subjectTeacher", "", "Физкультура", "m")
    taught_in_hall = {r.get("Reference") for e in events if any(x.get("Reference") in ROOMS for x in e.findall("Resources/Resource"))
                      for r in e.findall("Resources/Resource") if kind.get(r.get("Reference")) == "Teacher"}
    teachers = [name for name, what in kind.items() if what == "Teacher"]
    load = {t: sum(int(e.find("Duration").text) for e in events if any(r.get("Reference") == t for r in e.findall("Resources/Resource")))
            for t in teachers}
    subject, number_of = {}, {}
    wanted = iter(SENIOR_SUBJECTS * 10)
    for teacher in sorted(teachers, key=lambda t: -load[t]):
        subject[teacher] = "Физкультура" if teacher in taught_in_hall else next(wanted)
        number_of[teacher] = hire("subjectTeacher", "", subject[teacher])
        mapping.append(["teacher", teacher, number_of[teacher]])
    for xhstt, klass in XHSTT_CLASSES.items():
        mapping.append(["class", xhstt, klass])
    for room, name in ROOMS.items():
        mapping.append(["room", room, name])
    used = {}
    for event in events:
        people = [r.get("Reference") for r in event.findall("Resources/Resource") if kind.get(r.get("Reference")) == "Teacher"]
        taught = subject[people[0]] if people else "Классный час"
        mapping.append(["course", event.find("Course").get("Reference"), taught])
        for r in event.findall("Resources/Resource"):
            if kind.get(r.get("Reference")) == "Class":
                used.setdefault(r.get("Reference"), []).extend(people)
    heads = set()
    for xhstt, klass in XHSTT_CLASSES.items():
        head = next(t for t in used[xhstt] if t not in heads)
        heads.add(head)
        hire("classTeacher", klass, subject[head], number=number_of[head])
    for role in ("director", "deputyHead", "socialPedagogue", "psychologist", "nurse", "librarian", "secretary", "curator", "tutor", "cashier",
                 "kitchen", "guard", "accountant", "operator"):
        hire(role)
    rows = []
    for index, klass in enumerate(classes[:10]):
        own = staff[index * 2][1]
        for day, lessons in JUNIOR_WEEK.items():
            for number, name in enumerate(lessons, 1):
                teacher = sport if name == "Физкультура" else english[index % 2] if name == "Английский язык" else own
                room = "Малый зал" if name == "Физкультура" else str(101 + index)
                rows.append([klass, day, number, name, teacher, room])
    write("staff.csv", "school staff_number surname given_name patronymic gender role class subject phone email".split(), staff)
    write("timetable.csv", "class day number subject teacher room".split(), rows)
    write("xhstt-map.csv", "kind reference name".split(), mapping)
    return staff


def cards(pupils, staff):
    """The first numbers are real ones in the notation in which they were printed; the rest are made in every notation there is."""
    real = []
    with open(HERE / "data/access-events/em4100-vectors.csv", encoding="utf-8") as file:
        for index, row in enumerate(csv.DictReader(file)):
            real.append(row[["id40_hex", "dez10", "dez14", "d5_5", "dez8", "d3_5c"][index % 6]])
    rows, seen = [], set()
    for index, person in enumerate([p[2] for p in pupils] + sorted({s[1] for s in staff})):
        if index < len(real):
            rows.append([person, "serviceCard", real[index]])
            continue
        while True:
            value = chance.getrandbits(40)
            if value & 0xFFFFFF not in seen:
                seen.add(value & 0xFFFFFF)
                break
        low = value & 0xFFFFFFFF
        text = [
            f"{low:010d}", f"{value >> 16 & 0xFF:03d},{value & 0xFFFF:05d}", f"{value:010X}", f"{value:014d}",
            f"{low >> 16:05d}.{low & 0xFFFF:05d}", f"{value & 0xFFFFFF:08d}",
        ][index % 6]
        rows.append([person, chance.choices(["serviceCard", "socialCard", "bracelet"], [80, 15, 5])[0], text])
    write("cards.csv", ["person_number", "kind", "number"], rows)


def plain():
    write("school.csv", ["school", "name", "time_zone", "modules"], [[
        "demo", "Школа «Набережная»", "Europe/Moscow", "canteen;entrance;wallet;library;wardrobe;management",
    ]])
    write("bells.csv", ["number", "starts", "ends"], [
        [1, "08:30", "09:15"], [2, "09:25", "10:10"], [3, "10:30", "11:15"], [4, "11:35", "12:20"], [5, "12:30", "13:15"], [6, "13:25", "14:10"],
        [7, "14:20", "15:05"],
    ])
    write("products.csv", ["name", "price", "group"], [
        ["Булочка с маком", "32.00", "выпечка"], ["Чай с лимоном", "13.00", "напитки"], ["Сок яблочный 0,2 л", "38.00", "напитки"],
        ["Пирожок с картофелем", "35.00", "выпечка"], ["Яблоко", "24.00", "фрукты"], ["Вода 0,5 л", "30.00", "напитки"],
        ["Шоколад молочный", "64.00", "сладости"], ["Йогурт питьевой", "56.00", "молочное"],
    ])


if __name__ == "__main__":
    SCHOOL.mkdir(exist_ok=True)
    everyone, all_classes = people()
    employees = timetable_and_staff(all_classes)
    cards(everyone, employees)
    plain()
