// The response log: what the pages of this tab asked and got, newest first, each to be opened and copied. The filter is in the address.
import { forget, recorded } from "./calls.js";
import { clock } from "./clock.js";

const byId = (id) => document.getElementById(id);
const form = byId("responses-filter"), list = byId("responses-list"), count = byId("responses-count");
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const failed = ({ status }) => !(Number(status) < 400);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// Return the command that asks the same again. Credentials are none of the page's and are not in it.
export function curl({ method, url, sent, headers = {} }) {
  const parts = ["curl", "-X", method, quoted(new URL(url, location.origin).href)];
  for (const [name, value] of Object.entries(headers)) parts.push("-H", quoted(`${name}: ${value}`));
  if (sent === "(form)") parts.push("-F", "file=@FILE");
  else if (sent) parts.push("--data-raw", quoted(sent));
  return parts.join(" ");
}
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
function wanted(entry) {
  const text = form.elements.text.value.trim().toLowerCase(), status = form.elements.status.value;
  if (status && (status === "failed") !== failed(entry)) return false;
  return !text || `${entry.method} ${entry.url}\n${entry.body}`.toLowerCase().includes(text);
}
function fill(row, entry) {
  const at = new Date(entry.at);
  row.querySelector(".state").textContent = entry.status === "-" ? "no answer" : entry.status;
  row.querySelector(".state").className = `state num ${failed(entry) ? "bad" : "ok"}`;
  row.querySelector(".figures").replaceChildren(`${entry.ms} ms · `, element("time", { dateTime: entry.at, title: entry.at, textContent: clock(at) }), entry.times > 1 ? ` · ${entry.times} times, this is the last` : "");
  if (row.querySelector("details").open) unfold(row, entry);
}
function unfold(row, entry) {
  const answer = element("pre", { tabIndex: 0, textContent: pretty(entry.body) || "(empty)" });
  answer.setAttribute("aria-label", "Answer");
  const copy = element("button", { type: "button", textContent: "Copy as curl" });
  copy.dataset.copy = curl(entry);
  const parts = [copy];
  if (entry.sent) parts.push(element("p", { className: "soft", textContent: "Sent" }), element("pre", { tabIndex: 0, ariaLabel: "Sent", textContent: pretty(entry.sent) }));
  parts.push(element("p", { className: "soft", textContent: entry.cut ? `Answered; of ${entry.length.toLocaleString("en")} characters the first ${entry.body.length.toLocaleString("en")}` : "Answered" }), answer);
  row.querySelector(".body").replaceChildren(...parts);
}
function row(entry) {
  const summary = element("summary", {}, element("b", { textContent: entry.method }), element("bdi", { className: "path", textContent: entry.url }), element("span", { className: "state" }), element("span", { className: "figures" }));
  const details = element("details", {}, summary, element("div", { className: "body" }));
  const made = element("li", { id: `call-${entry.id}` }, details);
  details.addEventListener("toggle", () => { const now = recorded().find(({ id }) => id === entry.id) ?? entry; if (details.open) unfold(made, now); });
  fill(made, entry);
  return made;
}
function tally() {
  const all = recorded().length, shown = list.children.length;
  count.textContent = all ? shown === all ? `${all} ${all === 1 ? "call" : "calls"}` : `${shown} of ${all} calls` : "Nothing was asked in this tab yet: check a service, or use another page and come back.";
}
function show() {
  list.replaceChildren(...recorded().filter(wanted).map(row));
  tally();
}

const address = new URLSearchParams(location.search);
for (const name of ["text", "status"]) form.elements[name].value = address.get(name) ?? "";
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  const here = new URL(location.href);
  for (const name of ["text", "status"]) if (form.elements[name].value) here.searchParams.set(name, form.elements[name].value); else here.searchParams.delete(name);
  history.replaceState(history.state, "", here);
  show();
});
byId("responses-clear").addEventListener("click", () => { forget(); show(); });
document.addEventListener("called", ({ detail: entry }) => {
  const there = byId(`call-${entry.id}`);
  if (there) fill(there, entry);
  else if (wanted(entry)) list.prepend(row(entry));
  const kept = new Set(recorded().map(({ id }) => `call-${id}`));
  for (const old of [...list.children]) if (!kept.has(old.id)) old.remove();
  tally();
});
show();
