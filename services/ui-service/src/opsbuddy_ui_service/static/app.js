// Keeps an open page true: patches in place what the server sends, tells times in the reader's zone, and says so when nothing is heard any more.
const body = document.body;
const staleAfter = Number(body.dataset.staleAfter);
const icons = Object.fromEntries(body.dataset.icons.split(" ").map((url) => [url.match(/(\w+)\.svg$/)[1], url]));
const byId = (id) => document.getElementById(id);
const live = () => document.querySelector("[data-live]");

// --- time: the server's clock counts, so that a wrong clock of the reader's machine does not make things look old or new
let ahead = 0;
let heard = Date.now(); // when this page was told something last, by its own clock
let told = Date.parse(body.dataset.at); // and by the server's
const now = () => Date.now() - ahead;
const two = (number) => String(number).padStart(2, "0");
const hours = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

function clock(at) {
  const today = at.toDateString() === new Date(now()).toDateString();
  return today ? hours(at) : `${at.getDate()} ${months[at.getMonth()]} ${hours(at)}`;
}
function ago(at) {
  const s = Math.max(0, Math.floor((now() - at) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min ago`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h ago`;
}
const say = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
function tell(root) {
  for (const time of root.querySelectorAll("time[data-as]")) {
    const at = new Date(time.dateTime);
    say(time, time.dataset.as === "ago" ? ago(at) : clock(at));
  }
}

// --- patching: what is there stays there, so that focus, selection, open cards and typed words survive an update
const hands = new Set(["hidden", "open", "aria-expanded", "aria-busy", "disabled", "value", "checked"]);
const key = (node) => node.nodeType === 1 ? node.dataset.key ?? node.id ?? "" : "";
const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (key(a) || "") === (key(b) || "");

function patch(old, fresh) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name, value } of fresh.attributes) if (!hands.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!hands.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  if ("mine" in old.dataset) return;
  const kept = new Set([...fresh.childNodes].map(key));
  for (const child of [...old.childNodes]) if (key(child) && !kept.has(key(child))) child.remove();
  let here = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let found = here;
    while (found && !same(found, wanted)) found = key(wanted) ? found.nextSibling : null;
    if (!found) { old.insertBefore(wanted, here); continue; }
    while (here !== found && !key(here)) here = drop(here);
    if (here !== found) old.insertBefore(found, here);
    patch(found, wanted);
    here = found.nextSibling;
  }
  while (here) here = drop(here);
}
function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// --- what is heard: one stream; silence makes the page old, whatever the reason
function accept({ at, tone, html }) {
  heard = Date.now();
  ahead = heard - Date.parse(at);
  if (html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    tell(template.content);
    patch(live(), template.content.firstElementChild);
  }
  told = Date.parse(at);
  live().dataset.tone = tone;
  tick();
}
let pause = 1000;
function listen() {
  const stream = new EventSource(`/events?page=${body.dataset.page}`);
  stream.addEventListener("state", (event) => { pause = 1000; accept(JSON.parse(event.data)); });
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
    setTimeout(listen, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, 15000);
  });
}

// --- each second: the clock, ages, and whether this is still live
function tick() {
  const at = new Date(now());
  say(byId("here"), `${hours(at)}:${two(at.getSeconds())}`);
  say(byId("utc"), at.toISOString().slice(11, 19));
  tell(document);
  const age = Date.now() - heard;
  const old = age > staleAfter;
  document.documentElement.classList.toggle("is-old", old);
  const since = new Date(told);
  const said = old ? ago(since) : "";
  say(byId("age"), said);
  for (const element of document.querySelectorAll(".age")) say(element, said);
  say(byId("old"), old ? `Nothing heard from OpsBuddy since ${clock(since)}. What follows is from then. If you came through a port-forward, start it again.` : "");
  const truth = byId("truth").textContent;
  const title = `${old ? `Old, from ${clock(since)}: ` : ""}${truth} · OpsBuddy`;
  if (document.title !== title) document.title = title;
  const icon = icons[old ? "stale" : live().dataset.tone];
  if (byId("icon").getAttribute("href") !== icon) byId("icon").setAttribute("href", icon);
}

// --- what the hand does
function open(name, wanted) {
  const opener = document.querySelector(`[aria-controls="card-${CSS.escape(name)}"]`);
  opener?.setAttribute("aria-expanded", String(wanted));
  byId(`card-${name}`)?.toggleAttribute("hidden", !wanted);
  return opener;
}
async function post(url) {
  const answer = await fetch(url, { method: "POST", signal: AbortSignal.timeout(10000) });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail ?? `${url} answered ${answer.status}`);
  return data;
}
async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try { await work(); } finally { button.removeAttribute("aria-busy"); }
}
const stamp = () => { const at = new Date(now()); return `${hours(at)}:${two(at.getSeconds())}`; };
const excuse = (error) => error.name === "TimeoutError" ? "no answer within 10 s" : error.message;

const KEPT = 5; // answers of earlier checks

async function check(button) {
  const name = button.dataset.check;
  open(name, true);
  const place = document.querySelector(`[data-answer="${CSS.escape(name)}"]`);
  await busy(button, async () => {
    const entry = document.createElement("div");
    const line = entry.appendChild(document.createElement("p"));
    try {
      const { word, duration_ms: took, answer } = await post(`/api/services/${encodeURIComponent(name)}/check`);
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
      if (body.dataset.page === "system") await Promise.all([...document.querySelectorAll("[data-check]")].map(check));
      const { services } = await post("/api/services/check");
      say(byId("checked"), `${services.length} services checked at ${stamp()}.`);
    } catch (error) {
      say(byId("checked"), `Not checked: ${excuse(error)}`);
    }
  });
}
async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  say(button, "Copied");
  setTimeout(() => say(button, "Copy command"), 2000);
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

ahead = heard - told;
tick();
setInterval(tick, 1000);
listen();
