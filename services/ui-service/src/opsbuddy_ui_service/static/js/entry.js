// The form that writes one log: what is wrong is said at its field, by the page where it can tell and by the service for the rest.
import { call, excuse } from "./calls.js";
import { now } from "./clock.js";
import { busy, notice } from "./hands.js";
import { blame, check } from "./json.js";
import { around } from "./lines.js";
import { instant } from "./times.js";

const form = document.getElementById("entry-form");
const general = document.getElementById("entry-wrong");

function complete() {
  const fields = [...form.querySelectorAll("[required]")];
  for (const field of fields) blame(field, field.value.trim() ? "" : "Nothing is written here; every log has it.");
  const json = check(form);
  const first = form.querySelector("[aria-invalid]");
  first?.focus();
  return json && !first;
}
function refused(error) {
  const others = [];
  for (const { field: name, reason } of error.errors ?? []) {
    const field = form.elements[name.split(".")[0]];
    if (field) blame(field, `${reason[0].toUpperCase()}${reason.slice(1)}.`); else others.push(`${name} ${reason}`);
  }
  general.textContent = form.querySelector("[aria-invalid]") ? others.join(". ") : `Not written: ${excuse(error)}`;
  form.querySelector("[aria-invalid]")?.focus();
}
async function write() {
  const log = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
  log.timestamp = log.timestamp === "now" ? new Date(now()).toISOString() : instant(log.timestamp);
  try {
    const { event_id: event } = await call("POST", "/api/analytics/logs", { body: new URLSearchParams(log).toString(), headers: { "content-type": "application/x-www-form-urlencoded" } });
    notice(`Written: ${log.level} of ${log.service}.`);
    const way = Object.assign(document.createElement("a"), { textContent: "See it among its neighbours", href: `/analytics?${new URLSearchParams(around({ ...log, event_id: event }))}` });
    general.replaceChildren(way);
    for (const name of ["message", "data"]) if (form.elements[name].value === (log[name] ?? "")) form.elements[name].value = ""; // what was typed meanwhile stays
    for (const panel of document.querySelectorAll("[data-renew]")) htmx.trigger(panel, "renew");
  } catch (error) { refused(error); }
}
export function begin() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    general.textContent = "";
    if (complete()) busy(form.querySelector("button.first"), write);
  });
  form.addEventListener("input", ({ target }) => { if (!target.dataset.json && target.hasAttribute("aria-invalid")) blame(target, ""); });
}
