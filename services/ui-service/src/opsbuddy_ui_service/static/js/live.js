// Keeps an open page true: one stream tells what changed, the page says when nothing is heard any more. Other modules listen to the stream by `on`.
import { ago, clock, heardFrom, now, say, seconds, tell, utc } from "./clock.js";
import { morph } from "./morph.js";

const body = document.body;
const staleAfter = Number(body.dataset.staleAfter);
const icons = Object.fromEntries(body.dataset.icons.split(" ").map((url) => [url.match(/(\w+)\.svg$/)[1], url]));
const byId = (id) => document.getElementById(id);
const live = () => document.querySelector("[data-live]");
const shut = "shut" in body.dataset; // nobody is signed in: nothing is told before
const REST = 10000, SOON = 2000; // ms between two looks of a tab that nobody sees, and of one that is seen and has no seat
const SEATS = 4; // tabs of a browser that hold a stream while they are seen
const AGAIN = 15000; // ms of silence after which a stream that still calls itself open is opened anew
let heard = Date.now(), counted = performance.now(); // when this page was told something last
// How long ago that is: the clock may be set back, and what counts beside it may stand still while the machine sleeps.
const silence = () => Math.max(Date.now() - heard, performance.now() - counted);
let told = Date.parse(body.dataset.at); // and by the server's
let shown = ""; // the newest part of the page that came

function accept({ at, tone, html }) {
  heard = Date.now();
  counted = performance.now();
  out = false;
  heardFrom(Date.parse(at));
  if (html && html !== shown) {
    morph(live(), html);
    if (shown) document.dispatchEvent(new Event("turned")); // something is otherwise than this page was told before
    shown = html;
  }
  told = Date.parse(at);
  live().dataset.tone = tone;
  tick();
}

// --- one stream a tab that is seen; silence makes the page old, whatever the reason. A browser has six connections to a server in all its tabs, and each
// stream takes one: a tab that nobody sees, or beside which four others are seen, opens its own for one look now and then, or six tabs would be all there
// can be. One that wants more than the state keeps its stream while it is seen.
let leave = null; // gives the seat back that this tab has
async function seated() {
  if (document.hidden) return false;
  if (leave || !navigator.locks || Object.keys(wanted).length > 1) return true;
  for (let seat = 0; seat < SEATS && !leave; seat += 1) {
    await new Promise((known) => {
      navigator.locks.request(`stream ${seat}`, { ifAvailable: true }, (lock) => new Promise((left) => { if (lock && !leave) leave = left; else left(); known(); })).catch(known);
    });
  }
  return Boolean(leave);
}
const listeners = [];
let wanted = { page: body.dataset.page };
let last = null; // id of the last event that has one
let stream = null;
let pause = 1000;
let begun = 0; // when it was opened
let asks = 0; // how often it was asked for: the newest holds
let rests = false; // whether it is closed between two looks
let resting; // until the next look
let out = false; // whether the server says that nobody is signed in any more
// Call `handle` with the data of each event of this name.
export function on(name, handle) {
  listeners.push([name, handle]);
  stream?.addEventListener(name, take(handle));
}
// Ask for more in the same stream, from now on: `parameters` go into its address.
export function want(parameters) {
  wanted = { page: body.dataset.page, ...parameters };
  last = null;
  listen();
}
const take = (handle) => (event) => { if (event.lastEventId) last = event.lastEventId; handle(JSON.parse(event.data), event.lastEventId); };
async function listen() {
  if (shut) return;
  clearTimeout(resting);
  const mine = asks += 1, seat = await seated();
  if (mine !== asks) return;
  stream?.close();
  begun = performance.now();
  rests = !seat;
  const asked = rests ? { page: wanted.page } : last ? { ...wanted, after: last } : wanted;
  const opened = stream = new EventSource(`/events?${new URLSearchParams(asked)}`);
  for (const [name, handle] of listeners) opened.addEventListener(name, take(handle));
  opened.addEventListener("error", () => {
    if (opened.readyState !== EventSource.CLOSED || opened !== stream) return; // it tries again by itself
    fetch("/api/services/status").then(({ status }) => { out = status === 401; }, () => {});
    setTimeout(() => { if (opened === stream) listen(); }, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, 15000);
  });
}
on("state", (state) => {
  pause = 1000;
  accept(state);
  if (document.hidden) leave = leave?.() ?? null;
  if (!document.hidden && !rests) return;
  stream.close();
  resting = setTimeout(listen, document.hidden ? REST : SOON);
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) listen(); });

// --- each second: the clock, ages, and whether this is still live
function tick() {
  const at = new Date(now());
  say(byId("here"), seconds(at));
  say(byId("utc"), utc(at));
  tell(document);
  const age = silence();
  const old = !shut && age > staleAfter + (document.hidden ? REST : rests ? SOON : 0);
  if (old && age > AGAIN && performance.now() - begun > AGAIN) listen();
  document.documentElement.classList.toggle("is-old", old);
  if (body.dataset.heard !== live().dataset.heard) body.dataset.heard = live().dataset.heard;
  const since = new Date(told);
  const said = old ? ago(since) : "";
  say(byId("age"), said);
  for (const element of document.querySelectorAll(".age")) say(element, old && element.dataset.at ? ago(new Date(element.dataset.at)) : said);
  say(byId("old"), !old ? "" : out ? `You are not signed in any more. What follows is from ${clock(since)}; sign in, in another tab if something here is not sent yet, and it goes on.` : `Nothing heard from OpsBuddy since ${clock(since)}. What follows is from then. If you came through a port-forward, start it again.`);
  const title = `${old ? `Old, from ${clock(since)}: ` : ""}${byId("truth").textContent} · OpsBuddy`;
  if (document.title !== title) document.title = title;
  const icon = icons[old ? "stale" : live().dataset.tone];
  if (byId("icon").getAttribute("href") !== icon) byId("icon").setAttribute("href", icon);
}

heardFrom(told);
tick();
setInterval(tick, 1000);
listen();
