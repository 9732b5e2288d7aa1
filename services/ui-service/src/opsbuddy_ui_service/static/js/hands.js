// What the hand does on every page: open a row, check a service, copy, undo.
import { call, excuse } from "./calls.js";
import { now, say, seconds } from "./clock.js";

const byId = (id) => document.getElementById(id);
const stamp = () => seconds(new Date(now()));
const KEPT = 5; // answers of earlier checks

function open(name, wanted) {
  const opener = document.querySelector(`[aria-controls="card-${CSS.escape(name)}"]`);
  opener?.setAttribute("aria-expanded", String(wanted));
  byId(`card-${name}`)?.toggleAttribute("hidden", !wanted);
  return opener;
}
export async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try { await work(); } finally { button.removeAttribute("aria-busy"); }
}

async function check(button) {
  const name = button.dataset.check;
  open(name, true);
  const place = document.querySelector(`[data-answer="${CSS.escape(name)}"]`);
  await busy(button, async () => {
    const entry = document.createElement("div");
    const line = entry.appendChild(document.createElement("p"));
    try {
      const { word, duration_ms: took, answer } = await call("POST", `/api/services/${encodeURIComponent(name)}/check`);
      line.textContent = `Checked at ${stamp()}: ${word.toLowerCase()}. Answered in ${Math.round(took)} ms:`;
      const raw = entry.appendChild(document.createElement("pre"));
      raw.tabIndex = 0;
      raw.textContent = JSON.stringify(answer, null, 2);
    } catch (error) {
      line.textContent = `Checked at ${stamp()}: ${excuse(error)}`;
    }
    place.prepend(entry);
    while (place.children.length > KEPT) place.lastChild.remove();
  });
}
function checkAll(button) {
  return busy(button, async () => {
    try {
      if (document.body.dataset.page === "system") await Promise.all([...document.querySelectorAll("[data-check]")].map(check));
      const { services } = await call("POST", "/api/services/check");
      say(byId("checked"), `${services.length} services checked at ${stamp()}.`);
    } catch (error) {
      say(byId("checked"), `Not checked: ${excuse(error)}`);
    }
  });
}
// Over plain http, but for localhost, there is no clipboard for scripts; a marked text can be copied everywhere.
function copyMarked(text) {
  const place = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "unseen" }), before = document.activeElement;
  (before?.closest("dialog") ?? document.body).append(place);
  place.select();
  const done = document.execCommand("copy");
  place.remove();
  before?.focus({ preventScroll: true });
  return done;
}
async function copy(button) {
  try { await navigator.clipboard.writeText(button.dataset.copy); } catch {
    if (!copyMarked(button.dataset.copy)) { notice(`This browser lets no page copy. The text: ${button.dataset.copy}`); return; }
  }
  const before = button.textContent;
  if (before === "Copied") return;
  say(button, "Copied");
  setTimeout(() => say(button, before), 2000);
}

// Where the hand goes when the row it is in is gone: to the next row, else to the head of the panel.
export const near = (button) => {
  const row = button.closest("tr");
  return (row?.nextElementSibling ?? row?.previousElementSibling)?.id || null;
};
export function land(id, panel) {
  const row = id && byId(id);
  (row?.querySelector("a, button") ?? panel.querySelector("h2"))?.focus({ preventScroll: true });
}

// --- lines at the foot of the page say what was done; `undo` is offered for as long as its line stands there, also when something else is done meanwhile
const LINES = 5;
let lines = 0; // that there have been: each has a name of its own
export function notice(text, undo) {
  const place = byId("notice"), entry = document.createElement("div"), line = entry.appendChild(document.createElement("p"));
  line.textContent = text;
  line.id = `done-${lines += 1}`;
  if (undo) {
    const button = entry.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = "Undo";
    button.setAttribute("aria-describedby", line.id);
    button.addEventListener("click", () => busy(button, async () => {
      try { await undo(); entry.remove(); } catch (error) { line.textContent = `Not undone: ${excuse(error)}`; }
    }));
  }
  for (const other of [...place.children]) if (!other.querySelector("button")) other.remove();
  place.append(entry);
  while (place.children.length > LINES) place.firstElementChild.remove();
  const leave = (after) => setTimeout(() => { if (entry.contains(document.activeElement)) leave(after); else entry.remove(); }, after);
  leave(undo ? 15000 : 6000);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("button, a[data-open]");
  if (!target) return;
  const { check: one, checkAll: all, copy: text, open: name } = target.dataset;
  if (target.matches(".opener")) open(target.getAttribute("aria-controls").slice(5), target.getAttribute("aria-expanded") !== "true");
  else if (one !== undefined) check(target);
  else if (all !== undefined) checkAll(target);
  else if (text !== undefined) copy(target);
  else if (name !== undefined) open(name, true)?.focus({ preventScroll: true });
});
