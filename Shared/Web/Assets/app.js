// Makes pages nicer; every page works without it.
"use strict";

// A token lives five minutes: a page that stays open renews it, so that its forms and live parts go on.
const renewal = document.body.dataset.renewal;
if (renewal) setInterval(() => fetch(renewal, { method: "POST", headers: { accept: "application/json" } }), 4 * 60 * 1000);

// <div data-live="/address" data-event="name">: its contents are replaced by each event's data.
for (const place of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(place.dataset.live);
  source.addEventListener(place.dataset.event || "change", (event) => {
    // What we sent is our own markup; whoever reads is told once, politely (aria-live stands on the place).
    if (event.data) place.innerHTML = event.data; else location.reload();
  });
}

// <div data-fragment="/address">: filled by another service; the calm words inside stay if it is away.
for (const place of document.querySelectorAll("[data-fragment]")) {
  fetch(place.dataset.fragment, { headers: { accept: "text/html" } })
    .then((answer) => (answer.ok ? answer.text() : null))
    .then((text) => { if (text) place.innerHTML = text; })
    .catch(() => {});
}

// <form data-once>: a second press changes nothing.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }));
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
