// One file: its name, tags and metadata are saved on the version that was read; when someone else was first, that is said and nothing is overwritten.
import { call, excuse, piece } from "./calls.js";
import { clock } from "./clock.js";
import "./files.js";
import { busy, notice } from "./hands.js";
import { blame, check } from "./json.js";
import { anew } from "./morph.js";

const byId = (id) => document.getElementById(id);
const panel = () => byId("file");
const NAMES = ["filename", "tags", "metadata"];
const WORDS = { filename: "Name", tags: "Tags", metadata: "Metadata" };

// The text of an object goes as it was typed: numbers stay what they are.
const typed = () => `{"filename": ${JSON.stringify(byId("filename").value)}, "tags": ${byId("tags").value.trim() || "{}"}, "metadata": ${byId("metadata").value.trim() || "{}"}}`;

async function save(etag) {
  if (!check(byId("edit"))) return;
  byId("edit-wrong").textContent = "";
  blame(byId("filename"), "");
  try {
    await call("PUT", `/api/files/${encodeURIComponent(panel().dataset.id)}`, { body: typed(), headers: { "content-type": "application/json", "if-match": etag } });
  } catch (error) {
    if (error.status === 412) await compare();
    else refused(error);
    return;
  }
  await begin();
  notice("Saved.");
}
function refused(error) {
  let said = false;
  for (const { field, reason } of error.errors ?? []) {
    const name = NAMES.find((each) => field === each || field.startsWith(`${each}.`));
    if (name) { blame(byId(name), `${field === name ? "" : `${field}: `}${reason}.`); said = true; }
  }
  if (said) byId("edit").querySelector("[aria-invalid]").focus(); else byId("edit-wrong").textContent = `Not saved: ${excuse(error)}`;
}

// Show beside what was typed what someone else has made of the file.
async function compare() {
  const theirs = new DOMParser().parseFromString((await piece(panel().dataset.panel)).text, "text/html");
  const now = theirs.getElementById("file");
  if (!now?.dataset.etag) { byId("edit-wrong").textContent = "Not saved: the file is not there any more. Someone has deleted it; the trash may have it."; return; }
  const value = (name) => theirs.getElementById(name).value;
  const differing = NAMES.filter((name) => value(name) !== byId(name).value);
  const said = document.createElement("p");
  said.textContent = `Someone else changed this file at ${clock(new Date(now.dataset.updated))} (version ${now.dataset.version}). Nothing was saved and nothing is overwritten. It is now:`;
  const list = document.createElement("dl");
  for (const name of differing) {
    const term = document.createElement("dt"), text = document.createElement("dd"), words = document.createElement("pre");
    term.textContent = WORDS[name];
    words.textContent = value(name) || "(none)";
    text.append(words);
    list.append(term, text);
  }
  const button = (words, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", () => busy(made, act));
    return made;
  };
  const ways = document.createElement("p");
  ways.className = "bar";
  ways.append(
    button("Take theirs", begin),
    button(`Save mine over version ${now.dataset.version}`, () => save(now.dataset.etag)),
  );
  byId("conflict").replaceChildren(said, list, ways);
}
// Show the file as it is now, whole: what was typed goes.
async function begin() {
  await anew(panel());
  fold();
  document.getElementById("name").focus({ preventScroll: true });
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "edit") return;
  event.preventDefault();
  busy(byId("save"), () => save(panel().dataset.etag));
});
document.addEventListener("click", ({ target }) => {
  if (target.closest("#discard")) begin();
  const whole = target.closest("[data-whole]");
  if (!whole) return;
  const shown = whole.getAttribute("aria-expanded") !== "true";
  whole.setAttribute("aria-expanded", String(shown));
  whole.textContent = shown ? "Show less" : "Show all of it";
  document.querySelector(".preview").classList.toggle("whole", shown);
});

// The way to the rest of a text is there only if there is more than fits.
function fold() {
  const text = document.querySelector(".preview");
  if (text && text.scrollHeight > text.clientHeight) text.nextElementSibling.hidden = false;
}
fold();

// A picture that this browser cannot read is said, not left blank.
function unreadable(picture) {
  const words = document.createElement("p");
  words.className = "soft";
  words.textContent = "This browser cannot show the image; download it.";
  picture.replaceWith(words);
}
document.addEventListener("error", ({ target }) => { if (target instanceof HTMLImageElement) unreadable(target); }, true);
for (const picture of document.querySelectorAll(".picture img")) if (picture.complete && !picture.naturalWidth) unreadable(picture);
