"""Every page of everybody, on a phone and on a desk: nothing sticks out, everything has a name, the keyboard reaches it."""
import pytest
from conftest import DESK, PHONE

# {child} is the demo mother's elder child, {class} his class, {parent} the mother.
PAGES = {
    "guardian": [
        "/", "/journal/diary", "/ledger/money", "/canteen/meals", "/access/attendance", "/notifier/letters", "/identity/profile",
        "/identity/family", "/identity/sections", "/identity/profile/second-factor", "/identity/profile/consents", "/identity/profile/export",
        "/identity/profile/deletion", "/identity/profile/confirmation", "/identity/children/{child}/looks", "/identity/children/{child}/pin",
        "/identity/children/{child}/transfer", "/identity/children/{child}/certificate", "/identity/children/{child}/consents",
        "/identity/children/{child}/export", "/identity/children/{child}/deletion", "/ledger/children/{child}/statement",
        "/ledger/children/{child}/transfers", "/ledger/children/{child}/cash-outs", "/ledger/children/{child}/subsidies",
        "/ledger/children/{child}/certificate", "/ledger/children/{child}/limit", "/canteen/children/{child}/purchases",
        "/canteen/children/{child}/bans"],
    "pupil": ["/", "/journal/diary", "/canteen/meals", "/access/attendance", "/identity/profile"],
    "class-teacher": ["/", "/journal/gradebook", "/identity/invitations", "/identity/consents", "/identity/classes/{class}/consents", "/canteen/meals"],
    "subjectTeacher": ["/", "/journal/gradebook"],
    "accountant": ["/", "/ledger/desk", "/ledger/settlement", "/ledger/cash-outs", "/ledger/subsidies", "/ledger/certificates"],
    "cashier": ["/", "/canteen/till", "/ledger/refunds"],
    "kitchen": ["/", "/canteen/kitchen"],
    "guard": ["/", "/access/inside"],
    "curator": [
        "/", "/identity/people", "/identity/people?q=иван", "/identity/people/{child}", "/identity/people/{parent}", "/identity/people/{parent}/snils",
        "/identity/people/{parent}/merging", "/identity/mergings", "/identity/children/{child}/contract",
        "/identity/children/{child}/contract/print", "/identity/invitations", "/identity/classes/{class}/invitations", "/identity/transfers",
        "/identity/staff", "/identity/people/{parent}/roles", "/identity/audit", "/identity/guesses", "/identity/consents", "/identity/consent-texts",
        "/identity/modules", "/identity/terminals", "/access/devices"],
    "operator": ["/", "/access/devices", "/identity/terminals"],
    "director": ["/", "/identity/staff", "/identity/transfers"],
    None: ["/identity/sign-in", "/identity/registration", "/identity/recovery", "/identity/kiosk", "/notifier/parts"],
}

# What a reader with a keyboard or a screen reader would stumble over.
CHECKS = """() => {
    const wrong = [], seen = e => !!(e.offsetWidth || e.offsetHeight || e.getClientRects().length);
    const name = e => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').map(i => (document.getElementById(i) || {}).textContent || '').join(' ')
        || (e.labels && [...e.labels].map(l => l.textContent).join(' ')) || e.textContent || e.title || e.value || '').trim();
    if (document.querySelectorAll('h1').length !== 1) wrong.push(document.querySelectorAll('h1').length + ' headings of the first level');
    if (!document.documentElement.lang) wrong.push('no language');
    if (!document.querySelector('main')) wrong.push('no main');
    for (const e of document.querySelectorAll('input:not([type=hidden]),select,textarea'))
        if (seen(e) && !name({...e, getAttribute: n => e.getAttribute(n), labels: e.labels, textContent: '', title: e.title, value: ''})) wrong.push('a field without a name: ' + e.outerHTML.slice(0, 120));
    for (const e of document.querySelectorAll('a[href],button'))
        if (seen(e) && !name(e)) wrong.push('a link or button without a name: ' + e.outerHTML.slice(0, 120));
    for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) wrong.push('a picture without alt');
    for (const e of document.querySelectorAll('svg[role=img]')) if (!name(e) && !e.querySelector('title')) wrong.push('a drawing without a name');
    for (const e of document.querySelectorAll('table')) if (!e.caption && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')) wrong.push('a table without a caption');
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id), twice = ids.filter((id, i) => ids.indexOf(id) !== i);
    if (twice.length) wrong.push('identifiers used twice: ' + twice.slice(0, 3));
    for (const e of document.querySelectorAll('[style],[onclick]')) { wrong.push('code or style inside: ' + e.outerHTML.slice(0, 80)); break; }
    return wrong;
}"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["390", "1280"])
@pytest.mark.parametrize("who", list(PAGES), ids=lambda who: who or "nobody")
def test_pages(visitor, demo, family, who, size):
    """Semantic, quick, beautiful on a phone, usable by keyboard and screen reader."""
    one = visitor(who, size)
    child = family[0]["id"]
    school_class, parent = demo.ask(
        f"select u.class_id, g.guardian_id from identity.pupil u join identity.guardianship g on g.child_id = u.person_id"
        f" where u.person_id = '{child}' and g.is_primary and not g.ended")[0]
    wrong = []
    for path in (path.replace("{child}", child).replace("{class}", school_class).replace("{parent}", parent) for path in PAGES[who]):
        page = one.go(path)
        sticks_out = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if sticks_out > 0:
            wrong.append(f"{path}: scrolls sideways by {sticks_out}")
        wrong += [f"{path}: {what}" for what in page.evaluate(CHECKS)]
        # The first Tab goes to what skips the navigation, or to a field that asks for it; where it is can be seen.
        page.keyboard.press("Tab")
        focus = page.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
            return [e.tagName, s.outlineStyle !== 'none' || s.boxShadow !== 'none', b.width > 0 && b.bottom > 0]; }""")
        if focus[0] == "BODY" or not focus[1] or not focus[2]:
            wrong.append(f"{path}: Tab leads to {focus}")
    assert wrong == []
