// Sends files: several at once, each with its progress, to be cancelled or tried again on its own. XMLHttpRequest, since fetch does not tell how much has gone.
import { UNKNOWN, record } from "./calls.js";
import { notice } from "./hands.js";
import { check } from "./json.js";
import { renew } from "./morph.js";

const AT_ONCE = 3, URL = "/api/files/upload";
const byId = (id) => document.getElementById(id);
const form = byId("upload-form"), list = byId("uploads"), bar = byId("upload-bar"), chosen = byId("chosen"), sent = byId("sent");
const items = new Set(); // in the order in which they were chosen
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const UNITS = ["B", "kB", "MB", "GB", "TB"];
function size(bytes) {
  let unit = 0;
  while (bytes >= 999.5 && unit < UNITS.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit && bytes < 9.95 ? bytes.toFixed(1) : Math.round(bytes)} ${UNITS[unit]}`;
}
const counted = (count) => `${count} ${count === 1 ? "file" : "files"}`;

// --- one file: chosen, waiting, sending, stored, failed or cancelled; its row says which
class Item {
  constructor(file) {
    this.file = file;
    this.state = "chosen";
    this.says = element("span", { className: "says" });
    this.progress = element("progress", { max: Math.max(1, file.size), value: 0, hidden: true });
    this.progress.setAttribute("aria-label", `Sent of ${file.name}`);
    this.again = element("button", { type: "button", textContent: "Try again", hidden: true });
    this.away = element("button", { type: "button" });
    this.again.addEventListener("click", () => { if (check(form)) { this.wait(); fill(); } });
    this.away.addEventListener("click", () => this.leave());
    this.row = element("li", {}, element("bdi", { textContent: file.name, className: "name" }), this.says, this.progress, element("span", { className: "bar" }, this.again, this.away));
    this.become("chosen");
  }
  become(state, words) {
    this.state = state;
    this.row.dataset.state = state;
    const usual = { chosen: size(this.file.size), waiting: `${size(this.file.size)}, waits for its turn`, sending: "begins", cancelled: "Cancelled. Nothing of it was stored." };
    if (state !== "stored") this.says.textContent = words ?? usual[state];
    this.progress.hidden = !["sending", "waiting"].includes(state);
    this.again.hidden = !["failed", "cancelled"].includes(state);
    const act = ["sending", "waiting"].includes(state) ? "Cancel" : state === "stored" ? "Hide" : "Remove";
    this.away.textContent = act;
    this.away.setAttribute("aria-label", `${act} ${this.file.name}`);
    this.again.setAttribute("aria-label", `Try ${this.file.name} again`);
    tally();
  }
  // Tags and metadata are those of this moment: what one types for the next files is none of theirs.
  wait() {
    this.documents = ["tags", "metadata"].map((name) => [name, byId(name).value]);
    this.become("waiting");
  }
  // Cancel what is under way; take away what is not.
  leave() {
    if (this.state === "sending") this.request.abort();
    else if (this.state === "waiting") this.become("cancelled");
    else { items.delete(this); this.row.remove(); tally(); byId("choose").focus(); }
  }
  send() {
    const body = new FormData();
    for (const [name, text] of this.documents) if (text.trim()) body.append(name, text);
    body.append("file", this.file);
    const request = this.request = new XMLHttpRequest();
    const begun = performance.now();
    const ended = (state, words, text = words) => {
      record({ method: "POST", url: URL, status: request.status || "-", ms: Math.round(performance.now() - begun), sent: "(form)", body: text });
      this.become(state, words);
      fill();
      if (state === "stored") stored();
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      this.progress.max = total;
      this.progress.value = loaded;
      this.says.textContent = loaded < total ? `${Math.floor((loaded / total) * 100)} %, ${size(loaded)} of ${size(total)}` : "all sent, waits for the answer";
    });
    request.addEventListener("load", () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* an answer of something in between */ }
      if (request.status === 201 && answer?.id) {
        this.says.replaceChildren("Stored: ", element("a", { href: `/files/${encodeURIComponent(answer.id)}`, textContent: "look at it" }));
        ended("stored", "", request.responseText);
      } else ended("failed", `Not stored: ${request.status === 401 ? `${UNKNOWN}.` : answer?.detail ?? `the answer was ${request.status}.`}`, request.responseText);
    });
    request.addEventListener("error", () => ended("failed", "The connection broke before an answer came. Look in the list whether it is there before you try again."));
    request.addEventListener("abort", () => ended("cancelled"));
    request.open("POST", URL);
    request.send(body);
    this.become("sending");
  }
}
const are = (...states) => [...items].filter(({ state }) => states.includes(state));

function tally() {
  const ready = are("chosen").length;
  bar.hidden = !items.size;
  byId("send").textContent = ready ? `Upload ${counted(ready)}` : "Upload";
  byId("send").disabled = !ready;
  byId("drop-all").textContent = are("sending", "waiting").length ? "Cancel all" : "Remove all";
}
// Begin with as many of those that wait as may be under way.
function fill() {
  for (const item of are("waiting").slice(0, Math.max(0, AT_ONCE - are("sending").length))) item.send();
}
let renewing = Promise.resolve();
function stored() {
  const count = are("stored").length;
  if (!are("sending", "waiting").length) {
    const failed = are("failed").length;
    sent.textContent = `${counted(count)} stored${failed ? `, ${failed} not` : ""}.`;
  }
  renewing = renewing.then(() => renew(byId("files"))).catch(() => {}); // one after the other, the newest last
}
function choose(files) {
  for (const file of files) {
    const item = new Item(file);
    items.add(item);
    list.append(item.row);
  }
  tally();
  if (!files.length) return;
  byId("documents").open = true;
  byId("send").focus({ preventScroll: true });
}

byId("documents").open = matchMedia("(width >= 48rem)").matches; // on a phone the list is nearer
byId("choose").addEventListener("click", () => chosen.click());
chosen.addEventListener("change", () => { choose([...chosen.files]); chosen.value = ""; });
byId("drop-all").addEventListener("click", () => {
  const running = are("sending", "waiting");
  if (running.length) { for (const item of running.reverse()) item.leave(); return; }
  items.clear();
  list.replaceChildren();
  tally();
  byId("choose").focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!check(form)) return;
  sent.textContent = "";
  for (const item of are("chosen")) item.wait();
  fill();
});

// --- drag and drop: anywhere on the page, so that a miss does not open the file in place of the page
const files = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => { if (files(event)) { event.preventDefault(); byId("drop").classList.add("over"); } });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => {
  if (!files(event)) return;
  event.preventDefault();
  byId("drop").classList.remove("over");
  const dropped = [...event.dataTransfer.items].filter(({ kind }) => kind === "file"), folders = dropped.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  const named = folders.map((item) => `\u2068${item.webkitGetAsEntry().name}\u2069`).join(", ");
  choose(dropped.filter((item) => !folders.includes(item)).map((item) => item.getAsFile()).filter(Boolean));
  if (named) notice(`${named} ${folders.length > 1 ? "are folders" : "is a folder"}, which cannot be sent; open it and drop the files in it.`);
});
window.addEventListener("beforeunload", (event) => { if (are("sending", "waiting").length) event.preventDefault(); });
