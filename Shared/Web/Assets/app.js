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

// <div data-live="/address" data-event="name" aria-live="polite">: its contents are replaced by each event's data.
function follow(place, mayRenew) {
  const source = new EventSource(place.dataset.live);
  source.addEventListener("open", () => { mayRenew = true; });
  source.addEventListener("error", () => {
    // A stream that ended is opened again by the browser; one that was refused needs a new token first, once.
    if (source.readyState !== EventSource.CLOSED || !mayRenew) return;
    renew().then((done) => { if (done) follow(place, false); });
  });
  source.addEventListener(place.dataset.event || "change", (event) => {
    if (!event.data) return location.reload();
    // What we sent is our own markup. Whoever types or reads with the keyboard there is not interrupted.
    if (!place.contains(document.activeElement)) place.innerHTML = event.data;
  });
}
for (const place of document.querySelectorAll("[data-live]")) follow(place, true);

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
  summary.addEventListener("click", (event) => { event.preventDefault(); details.open = true; dialog.showModal(); });
  dialog.addEventListener("close", () => { details.open = false; summary.focus(); });
}

// The gradebook: Enter and the arrows go down and up the open column.
for (const book of document.querySelectorAll("[data-grid]")) {
  const cells = [...book.querySelectorAll("input[data-cell]")];
  book.addEventListener("keydown", (event) => {
    const at = cells.indexOf(event.target);
    const step = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (at < 0 || !step || (event.key === "Enter" && event.ctrlKey)) return;
    event.preventDefault();
    const next = cells[at + step];
    if (next) { next.focus(); next.select(); }
  });
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
for (const button of document.querySelectorAll("[data-dialog]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.dialog).showModal());
}
