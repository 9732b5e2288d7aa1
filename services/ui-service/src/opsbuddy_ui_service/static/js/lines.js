// The lines of a log: times of here, and everything about a line when it is opened. What a log holds is text, whatever it looks like.
import { exact } from "./clock.js";

const ORDER = ["message", "timestamp", "level", "service", "logger", "operation", "request_id", "trace_id", "event_id", "data"];
const SAME = new Set(["logger", "operation", "request_id", "trace_id"]); // what one may want to see all lines of
const LONG = 600;
const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: name ?? "" });
const link = (words, parameters) => Object.assign(make("a", words), { href: `/analytics?${new URLSearchParams(parameters)}` });
const span = (at, ms) => new Date(Date.parse(at) + ms).toISOString();

export const around = ({ timestamp, event_id: event, service }) => ({ service, around: timestamp, event });
export function here(rows) {
  for (const row of rows) if (row.dataset.at) row.querySelector("time").textContent = exact(new Date(row.dataset.at));
}
// Turn rows as HTML, as the server makes them, into elements.
export function rows(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const made = [...template.content.querySelectorAll("li.line")];
  here(made);
  return made;
}

function copies(text, words, label) {
  const button = make("button", words, "plain");
  button.type = "button";
  button.dataset.copy = text;
  button.setAttribute("aria-label", label);
  return button;
}
function field(name, value) {
  const text = name === "data" ? JSON.stringify(value, null, 2) : String(value);
  const item = make("div"), definition = make("dd"), shown = definition.appendChild(make(name === "data" || name === "message" ? "pre" : "bdi", text));
  item.append(make("dt", name), definition);
  if (name === "timestamp") shown.textContent = `${exact(new Date(text))} here · ${text} UTC`.replace(/Z UTC$/, " UTC").replace("T", " ");
  if (SAME.has(name)) definition.append(" ", link("only these", { [name]: text }));
  if (text.length > LONG || text.split("\n").length > 14) {
    definition.classList.add("bounded");
    shown.tabIndex = 0;
    const more = make("button", "Show all", "plain");
    more.type = "button";
    more.addEventListener("click", () => { more.textContent = definition.classList.toggle("bounded") ? "Show all" : "Show less"; });
    definition.append(more);
  }
  item.append(copies(text, "Copy", `Copy ${name}`));
  return item;
}
function fill(row) {
  const place = row.querySelector(".whole");
  if (place.childElementCount) return;
  const log = JSON.parse(row.dataset.whole), list = make("dl"), ways = make("p", "", "ways");
  list.append(...ORDER.filter((name) => log[name] !== undefined).map((name) => field(name, log[name])));
  ways.append(
    link("Lines around it", around(log)),
    link("All services at that time", { start: span(log.timestamp, -30000), end: span(log.timestamp, 30000) }),
    copies(new URL(link("", around(log)).href, location).href, "Copy link", "Copy a link to this line"),
    copies(JSON.stringify(log, null, 2), "Copy as JSON", "Copy this line as JSON"),
  );
  place.append(list, ways);
}

document.addEventListener("toggle", ({ target }) => { if (target.open && target.matches("li.line > details")) fill(target.parentElement); }, true);
document.addEventListener("click", (event) => { // who marks words does not open the line
  if (event.target.closest("li.line summary") && String(getSelection())) event.preventDefault();
});
export function begin() {
  here(document.querySelectorAll("li.line"));
  for (const row of document.querySelectorAll("li.line:has(> details[open])")) fill(row);
  const marked = document.getElementById("marked"), box = marked?.closest(".scroller");
  if (box) box.scrollTop = marked.offsetTop - box.clientHeight / 3;
}
