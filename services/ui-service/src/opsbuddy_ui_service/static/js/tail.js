// The live tail: lines at the foot as they come, each once. It waits while one reads further up, and never holds more than it can show.
import { call, excuse } from "./calls.js";
import { say } from "./clock.js";
import { rows } from "./lines.js";
import { on, want } from "./live.js";

const MOST = 5000, SHOWN = 1000; // rows in all, and rows in the list: the others wait
const BLOCK = 100; // rows of one list: a list that is out of sight costs nothing, whatever comes
const BUDGET = 8; // ms of a frame
const byId = (id) => document.getElementById(id);
const section = byId("logs");
let list, box, rowsShown = 0, question, filtered;
let waiting = [], known = new Set();
let paused = false, away = false, filling = false, asked = false;
let touched = -Infinity; // when a hand was last at the list: what scrolls without one is not meant

const isGap = (row) => row.classList.contains("gap");
const all = () => [...list.querySelectorAll("li")];
const held = () => paused || away || filling;

function gap(missed) {
  const row = document.createElement("li");
  row.className = "gap";
  row.dataset.missed = missed ?? "";
  const words = missed == null ? "Some lines may be missing here" : `${filtered && missed > 1 ? "Up to " : ""}${missed.toLocaleString("en")} line${missed === 1 ? "" : "s"} skipped: they came faster than this page could show them`;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "load them" });
  button.addEventListener("click", () => load(row, button));
  row.append(`${words} · `, button);
  return row;
}
const fresh = (found) => found.filter((row) => !known.has(row.dataset.key) && known.add(row.dataset.key));
function take(found) {
  waiting.push(...found);
  let missed = 0, unknown = false;
  while (waiting.length > MOST - rowsShown) {
    const row = waiting.shift();
    known.delete(row.dataset.key);
    if (isGap(row) && row.dataset.missed === "") unknown = true;
    else missed += isGap(row) ? Number(row.dataset.missed) : 1;
  }
  if (missed || unknown) waiting.unshift(gap(unknown ? null : missed));
  ask();
}
function ask() {
  const count = held() ? waiting.filter((row) => !isGap(row)).length : 0;
  byId("newer").hidden = !count || filling;
  if (count) say(byId("newer"), `${count.toLocaleString("en")} new`);
  if (asked || held() || !waiting.length) return;
  asked = true;
  requestAnimationFrame(show);
}
function add(row) {
  let block = list.lastElementChild;
  if (!block || block.childElementCount >= BLOCK) block = list.appendChild(document.createElement("ol"));
  block.append(row);
  rowsShown += 1;
}
function show() {
  asked = false;
  if (held()) { ask(); return; }
  const begun = performance.now();
  for (let count = 0; waiting.length && count < 60 && performance.now() - begun < BUDGET; count += 1) add(waiting.shift());
  while (rowsShown > SHOWN) {
    for (const row of list.firstElementChild.children) known.delete(row.dataset.key);
    rowsShown -= list.firstElementChild.childElementCount;
    list.firstElementChild.remove();
  }
  box.scrollTop = box.scrollHeight;
  ask();
}

const between = (start, end) => `/panels/analytics/rows?${new URLSearchParams({ ...question, start, end })}`;
async function load(row, button) {
  const lines = all(), at = lines.indexOf(row);
  const before = lines.slice(0, at).findLast((each) => !isGap(each)), after = lines.slice(at + 1).find((each) => !isGap(each));
  button.setAttribute("aria-busy", "true");
  try {
    const found = rows(await call("GET", between(before?.dataset.at ?? section.dataset.until, after?.dataset.at ?? "now")));
    const missing = fresh(found);
    const put = [...missing, ...(found.length >= 1000 ? [gap(null)] : [])];
    row.replaceWith(...put);
    rowsShown += put.length - 1;
    if (!missing.length) say(byId("tail-words"), "No line of this search was missing there.");
  } catch (error) {
    button.removeAttribute("aria-busy");
    button.textContent = `not loaded: ${excuse(error)}; load them`;
  }
}
// What came between the first view and the opening of the stream is neither in the one nor in the other.
async function fill() {
  filling = true;
  try {
    const last = all().findLast((row) => !isGap(row));
    const found = fresh(rows(await call("GET", between(last?.dataset.at ?? section.dataset.until, "now"))));
    waiting.unshift(...found);
  } catch { waiting.unshift(gap(null)); }
  filling = false;
  ask();
}

function tell({ state, fresh: began, words }) {
  const place = byId("tail-state"), spoken = { open: "Live", lost: "Not heard", ended: "Not possible" }[state];
  place.className = `state ${state === "open" ? "ok" : state === "lost" ? "stale" : "bad"}`;
  place.querySelector("svg").replaceChildren(...shape(state));
  say(place.lastElementChild, spoken);
  say(byId("tail-words"), words);
  if (state === "open" && began) fill();
}
function shape(state) {
  const part = (tag, name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    element.setAttribute("class", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  if (state === "open") return [part("circle", "body", { cx: 8, cy: 8, r: 7 })];
  if (state === "lost") return [part("circle", "ring", { cx: 8, cy: 8, r: 6.2 })];
  return [part("path", "body", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" }), part("path", "cut", { d: "m5.5 5.5 5 5m0-5-5 5" })];
}
function follow() {
  paused = away = false;
  byId("pause").setAttribute("aria-pressed", "false");
  say(byId("pause"), "Pause");
  ask();
  touched = -Infinity;
  box.scrollTop = box.scrollHeight;
}
export function begin() {
  if (!section?.dataset.tail) return;
  [list, box] = [section.querySelector(".lines"), section.querySelector(".scroller")];
  if (!list) return;
  question = JSON.parse(section.dataset.question);
  filtered = Object.keys(question).length > 0;
  known = new Set(all().map((row) => row.dataset.key));
  rowsShown = known.size;
  box.scrollTop = box.scrollHeight;
  section.querySelector(".listed").scrollIntoView({ block: "nearest" });
  for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) box.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
  box.addEventListener("scroll", () => {
    const low = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    if (low) away = false;
    else if (performance.now() - touched < 1500) away = true;
    else if (!away) box.scrollTop = box.scrollHeight;
    ask();
  });
  new ResizeObserver(() => { if (!away) box.scrollTop = box.scrollHeight; }).observe(box);
  list.addEventListener("toggle", ({ target }) => { if (target.open) { away = true; ask(); } }, true);
  byId("pause").addEventListener("click", () => {
    if (paused) { follow(); return; }
    paused = true;
    byId("pause").setAttribute("aria-pressed", "true");
    say(byId("pause"), "Go on");
    ask();
  });
  byId("newer").addEventListener("click", () => { follow(); box.focus({ preventScroll: true }); });
  on("lines", ({ html }) => take(fresh(rows(html))));
  on("gap", ({ missed }) => take([gap(missed)]));
  on("tail", tell);
  want({ ...question, tail: "1" });
}
