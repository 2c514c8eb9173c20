// Makes pages nicer; every page works without it.
"use strict";

// A token lives five minutes. A page that stays open renews it, one page at a time and not twice in a row, so that forms,
// fragments and live parts go on.
const renewalAddress = document.body.dataset.renewal;
const remembered = (key, value) => {
  try { return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value); } catch { return null; }
};
const alone = (work) => (navigator.locks ? navigator.locks.request("renewal", work) : work());
function renew(notWithin = 2000) {
  if (!renewalAddress) return Promise.resolve(false);
  return alone(async () => {
    if (Date.now() - Number(remembered("renewed") || 0) < notWithin) return true;
    const answer = await fetch(renewalAddress, { method: "POST", headers: { accept: "application/json" } });
    if (answer.ok) remembered("renewed", Date.now());
    return answer.ok;
  }).catch(() => false);
}
if (renewalAddress) setInterval(() => { if (!document.hidden) renew(120000); }, 4 * 60 * 1000);

// What changed, for those who hear the page: one calm sentence, never a whole list.
const voice = document.getElementById("said");
const say = (text) => { if (voice && text && voice.textContent !== text) voice.textContent = text; };

// No connection: what is shown stays, and one line says from when it is.
const offline = document.getElementById("offline");
const losses = new Set();
function lost(what, isLost) {
  const before = losses.size;
  losses[isLost ? "add" : "delete"](what);
  if (!offline || Boolean(before) === Boolean(losses.size)) return;
  offline.hidden = !losses.size;
  if (!losses.size) return say(offline.dataset.back);
  offline.querySelector("time").textContent = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit", timeZone: document.body.dataset.zone || undefined });
  say(offline.textContent.trim());
}
addEventListener("offline", () => lost("network", true));
addEventListener("online", () => lost("network", false));

// <div data-live="/address" data-event="name">: its contents are replaced by each event's data; [data-say] in it is read aloud.
function follow(place, mayRenew) {
  const source = new EventSource(place.dataset.live);
  let waiting;
  source.addEventListener("open", () => { mayRenew = true; clearTimeout(waiting); waiting = undefined; lost(place, false); });
  source.addEventListener("error", () => {
    // A stream ends with its token and is opened again at once; only a longer silence is worth a word.
    waiting ??= setTimeout(() => lost(place, true), 8000);
    // One that was refused needs a new token first, and the browser gives up on it: it is tried again calmly.
    if (source.readyState !== EventSource.CLOSED) return;
    if (mayRenew) renew().then((done) => { if (done) { clearTimeout(waiting); follow(place, false); } });
    else setTimeout(() => { clearTimeout(waiting); follow(place, true); }, 15000);
  });
  source.addEventListener(place.dataset.event || "change", (event) => {
    if (!event.data) return location.reload();
    // Whoever types or reads with the keyboard there is not interrupted; what was folded stays folded.
    if (place.contains(document.activeElement)) return;
    const folded = new Map([...place.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    // What we sent is our own markup.
    place.innerHTML = event.data;
    for (const one of place.querySelectorAll("details[id]")) if (folded.has(one.id)) one.open = folded.get(one.id);
    say(place.querySelector("[data-say]")?.textContent.trim());
  });
}
for (const place of document.querySelectorAll("[data-live]")) {
  // A sentence instead of everything that was drawn anew.
  if (place.querySelector("[data-say]")) place.removeAttribute("aria-live");
  follow(place, true);
}

// <div data-fragment="/address">: filled by another service; the calm words inside stay if it is away.
for (const place of document.querySelectorAll("[data-fragment]")) {
  // A redirection says that the token has run out: it is renewed once, and asked again.
  const read = () => fetch(place.dataset.fragment, { headers: { accept: "text/html" }, redirect: "manual" });
  read()
    .then((answer) => (answer.type === "opaqueredirect" ? renew().then((done) => (done ? read() : answer)) : answer))
    .then((answer) => (answer.ok ? answer.text() : null))
    .then((text) => { if (text) place.innerHTML = text; })
    .catch(() => {});
}

// <form data-once>: a second press changes nothing.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }));
}
// Back in history: buttons that were pressed can be pressed again.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});
// A form that came back with errors: the first of them is where one goes on.
document.querySelector("[aria-invalid=true]")?.focus();

// <details class="confirm">: what unfolds in place without scripts becomes a dialog.
for (const details of document.querySelectorAll("details.confirm")) {
  const summary = details.querySelector("summary"), body = details.querySelector(".confirm-body"), heading = body.querySelector("h3");
  const dialog = document.createElement("dialog");
  heading.id ||= `${details.id}-heading`;
  dialog.setAttribute("aria-labelledby", heading.id);
  summary.setAttribute("aria-haspopup", "dialog");
  details.append(dialog);
  dialog.append(body);
  const back = document.createElement("button");
  back.type = "button"; back.className = "btn"; back.textContent = details.dataset.back || "×";
  back.addEventListener("click", () => dialog.close());
  body.querySelector(".acts").append(back);
  summary.addEventListener("click", (event) => { event.preventDefault(); details.open = true; dialog.showModal(); back.focus(); });
  dialog.addEventListener("close", () => { details.open = false; summary.focus(); });
}

// The menu of what does not fit above a page: Esc and a press elsewhere close it.
for (const menu of document.querySelectorAll(".nav details")) {
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
}

// The gradebook: Enter and the arrows go down and up the open column, which is in sight from the beginning.
for (const book of document.querySelectorAll("[data-grid]")) {
  const cells = [...book.querySelectorAll("input[data-cell]")];
  const open = book.querySelector("thead .open");
  if (open) book.scrollLeft = open.offsetLeft + open.offsetWidth - book.clientWidth;
  book.addEventListener("keydown", (event) => {
    const at = cells.indexOf(event.target);
    const step = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (at < 0 || !step || (event.key === "Enter" && event.ctrlKey)) return;
    event.preventDefault();
    const next = cells[at + step];
    if (next) { next.focus(); next.select(); }
  });
}

// The till: tiles fill the bill, which counts; without scripts the bill itself is filled in.
for (const till of document.querySelectorAll("[data-till]")) {
  const card = till.querySelector("[data-card] input"), bill = till.querySelector("[data-bill]");
  const next = () => location.assign(card.form.action);
  // A reader types a card's number and Enter, wherever one happens to be.
  let typed = "", typedAt = 0;
  addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "Enter" && typed.length > 5 && event.timeStamp - typedAt < 200) {
      event.preventDefault();
      event.stopImmediatePropagation();
      card.value = typed;
      card.form.requestSubmit();
    } else if (/^[0-9a-z]$/i.test(event.key)) {
      typed = event.timeStamp - typedAt < 200 ? typed + event.key : event.key;
      typedAt = event.timeStamp;
    }
  }, true);
  if (!bill) continue;
  const money = (kopecks) => new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: kopecks % 100 ? 2 : 0 }).format(kopecks / 100) + "\u00a0₽";
  const tiles = [...till.querySelectorAll("[data-add]")], pay = bill.querySelector(".pay"), after = bill.querySelector(".after");
  const lines = [...bill.querySelectorAll("[data-price]")].map((row) => ({ row, input: row.querySelector("input"), sum: row.querySelector("b"), price: Number(row.dataset.price) }));
  const count = (spoken) => {
    let total = 0;
    for (const { row, input, sum, price } of lines) {
      const quantity = Math.max(0, Number(input.value) || 0), mark = till.querySelector(`[data-add="${input.id}"] .q`);
      total += quantity * price;
      row.hidden = !quantity;
      sum.textContent = money(quantity * price);
      mark.hidden = !quantity;
      mark.textContent = `×${quantity}`;
      mark.closest(".tile").toggleAttribute("data-picked", quantity > 0);
    }
    bill.querySelector("[data-total]").textContent = total ? money(total) : "";
    pay.disabled = !total;
    const left = Number(till.dataset.balance) - total;
    after.hidden = !total || !till.dataset.balance;
    after.classList.toggle("alarm", left < 0);
    after.replaceChildren(left < 0 ? after.dataset.short : after.dataset.left, " ", Object.assign(document.createElement("b"), { textContent: money(Math.abs(left)) }));
    if (spoken) say(`${pay.textContent.trim()}. ${after.hidden ? "" : after.textContent}`);
  };
  const change = (input, by) => {
    input.value = Math.min(Number(input.max), Math.max(0, (Number(input.value) || 0) + by)) || "";
    count(true);
  };
  for (const tile of tiles) tile.addEventListener("click", () => change(document.getElementById(tile.dataset.add), 1));
  for (const { row, input } of lines) {
    row.querySelector("[data-less]").addEventListener("click", () => change(input, -1));
    row.querySelector("[data-more]").addEventListener("click", () => change(input, 1));
    input.addEventListener("input", () => count(true));
  }
  till.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return next();
    if (event.key === "Enter" && event.ctrlKey) return bill.requestSubmit(pay);
    const at = tiles.indexOf(event.target);
    if (at < 0) return;
    if (event.key === "-" || event.key === "Delete" || event.key === "Backspace") return change(document.getElementById(tiles[at].dataset.add), -1);
    // Up and down: the nearest tile in the next row.
    const here = tiles[at].getBoundingClientRect();
    const rows = { ArrowDown: (box) => box.top > here.bottom - 4, ArrowUp: (box) => box.bottom < here.top + 4 }[event.key];
    const away = (tile) => { const box = tile.getBoundingClientRect(); return Math.abs(box.top - here.top) * 10 + Math.abs(box.left - here.left); };
    const to = rows ? tiles.filter((tile) => rows(tile.getBoundingClientRect())).sort((a, b) => away(a) - away(b))[0]
      : { ArrowRight: tiles[at + 1], ArrowLeft: tiles[at - 1] }[event.key];
    if (to) { event.preventDefault(); to.focus(); }
  });
  count(false);
  tiles[0]?.focus();
}

// <div data-keypad hidden> in a form: digits for fingers, where a terminal has no keyboard; a full field hands over to the next.
for (const pad of document.querySelectorAll("[data-keypad]")) {
  const fields = [...pad.closest("form").querySelectorAll("input[maxlength]")];
  // After a wrong PIN the number stands there already: the digits go where something is missing.
  let field = fields.find((one) => one.value.length < one.maxLength) || fields[0];
  pad.hidden = false;
  for (const one of fields) one.addEventListener("focus", () => { field = one; });
  for (const key of pad.querySelectorAll("button[value]")) key.addEventListener("click", () => {
    field.value = key.value ? (field.value + key.value).slice(0, field.maxLength) : field.value.slice(0, -1);
    const next = fields[fields.indexOf(field) + 1];
    if (next && field.value.length === field.maxLength) (field = next).focus();
  });
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

// What all services keep of somebody, put together here: each file is asked for with the reader's own session.
for (const button of document.querySelectorAll("[data-collect]")) {
  const list = button.closest("section").querySelector("[data-package]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const parts = await Promise.all([...list.querySelectorAll("li")].map(async (line) => {
      const said = line.querySelector("[role=status]");
      try {
        const answer = await fetch(line.querySelector("a").href, { headers: { accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status);
        const part = await answer.json();
        said.textContent = list.dataset.done;
        return part;
      } catch {
        said.textContent = list.dataset.away;
        return null;
      }
    }));
    button.disabled = false;
    // A part that is missing makes no package: half of everything looks like all of it.
    if (parts.includes(null)) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(parts, null, 1)], { type: "application/json" }));
    link.download = list.dataset.package;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
