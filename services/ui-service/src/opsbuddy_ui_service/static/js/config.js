// Configurations: create, change with what differs before it is sent, roll back, delete and undo. Each change is on the version that was read.
import { call, excuse, piece } from "./calls.js";
import { clock } from "./clock.js";
import { compare, shown } from "./diff.js";
import { busy, land, near, notice } from "./hands.js";
import { blame, kept } from "./json.js";
import { anew, renew } from "./morph.js";

const ALL = "/api/utils/configs", SEALED = "(sealed, shown nowhere)";
const FIELDS = ["name", "category", "tags", "description", "value"];
const byId = (id) => document.getElementById(id);
const at = (id) => `${ALL}/${encodeURIComponent(id)}`;
const panel = () => byId("config") ?? byId("configs");
const isolated = (name) => `\u2068${name}\u2069`;
const field = (name) => byId(`c-${name}`);
const tags = () => field("tags").value.split(",").map((tag) => tag.trim()).filter(Boolean);
const secret = () => byId("c-secret")?.checked ?? false;
const keeps = () => byId("config") && secret() && !field("value").value.trim(); // a sealed value stays as it is
const written = (text) => { if (byId("form-wrong")) byId("form-wrong").textContent = text; };

// What was typed, a thing a line, as the server writes what there is.
function typed() {
  const value = kept(field("value").value);
  const words = field("description").value.split("\n").map((line) => `description: ${line}`);
  return [`name: ${field("name").value}`, `category: ${field("category").value}`, `tags: ${tags().join(", ")}`, ...words, "value:", ...(keeps() ? [SEALED] : (value.raw ?? field("value").value).split("\n"))];
}
const lines = (root = document) => root.getElementById("lines").textContent.replace(/^\n/, "").split("\n");

// Say how the value is kept, what is wrong with it, and what the change changes.
function look() {
  const value = kept(field("value").value), blank = !field("value").value.trim();
  byId("c-value-kind").textContent = blank || value.wrong ? "" : `Kept as ${value.kind}.`;
  blame(field("value"), blank ? "" : value.wrong ?? "");
  if (!byId("config")) return;
  const differing = compare(lines(), typed());
  const place = byId("compared");
  if (!differing) place.textContent = "Too long to compare here.";
  else if (differing.every(([mark]) => mark === "same")) place.replaceChildren();
  else {
    const head = document.createElement("h3");
    head.textContent = "What this changes";
    place.replaceChildren(head, shown(differing));
  }
}
// Return the body, or null when a field is wrong; the hand goes there.
function body() {
  look();
  for (const name of ["name", "category"]) blame(field(name), field(name).value.trim() ? "" : "Write something.");
  if (!field("value").value.trim() && !keeps()) blame(field("value"), 'Write a value; "" is an empty text.');
  const wrong = byId("c-name").form.querySelector("[aria-invalid]");
  wrong?.focus();
  if (wrong) return null;
  const members = { name: field("name").value, category: field("category").value, description: field("description").value, tags: tags(), ...(secret() ? { secret: true } : {}) };
  const text = JSON.stringify(members);
  return keeps() ? text : `${text.slice(0, -1)}, "value": ${kept(field("value").value).raw}}`;
}
function refused(error) {
  const named = (error.errors ?? []).filter(({ field: name }) => FIELDS.includes(name.split(/[.[]/)[0]));
  for (const { field: name, reason } of named) blame(field(name.split(/[.[]/)[0]), `${reason}.`);
  if (named.length) byId("c-name").form.querySelector("[aria-invalid]").focus(); else written(`Not saved: ${excuse(error)}`);
}
const json = { "content-type": "application/json" };

async function create() {
  const text = body();
  if (!text) return;
  written("");
  try {
    const made = await call("POST", ALL, { body: text, headers: json });
    byId("create").reset();
    byId("c-value-kind").textContent = "";
    byId("creator").open = false;
    await renew(panel());
    notice(`Created ${isolated(made.name)}.`, () => take(made.id, `"${made.id}.${made.version}"`));
  } catch (error) { refused(error); }
}
async function save(etag) {
  const text = body();
  if (!text) return;
  written("");
  try {
    await call("PUT", at(panel().dataset.id), { body: text, headers: { ...json, "if-match": etag } });
  } catch (error) {
    if (error.status === 412) await meanwhile(); else refused(error);
    return;
  }
  await begin();
  notice("Saved.");
}
async function begin() {
  await anew(panel());
  byId("name")?.focus({ preventScroll: true });
}
// Someone else was first: show what theirs and mine differ in, and let the hand choose.
async function meanwhile() {
  const theirs = new DOMParser().parseFromString((await piece(panel().dataset.panel)).text, "text/html");
  const now = theirs.getElementById("config");
  if (!now?.dataset.etag) { written("Not saved: someone has deleted it meanwhile; the trash may have it."); return; }
  const said = document.createElement("p"), ways = document.createElement("p");
  said.textContent = `Someone else changed this configuration at ${clock(new Date(now.dataset.updated))} (version ${now.dataset.version}). Nothing was saved and nothing is overwritten. From theirs to yours:`;
  ways.className = "bar";
  for (const [words, act] of [["Take theirs", begin], [`Save mine over version ${now.dataset.version}`, () => save(now.dataset.etag)]]) {
    const button = ways.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", () => busy(button, act));
  }
  byId("conflict").replaceChildren(said, shown(compare(lines(theirs), typed()) ?? []), ways);
}
const take = async (id, etag) => { await call("DELETE", at(id), { headers: { "if-match": etag } }); await renew(panel()); };
const restore = async (id) => { await call("POST", `${at(id)}/restore`); await renew(panel()); };

async function remove(button) {
  const { configDelete: id, etag, name } = button.dataset, next = near(button);
  try {
    await take(id, etag);
    land(next, panel());
    notice(`Deleted ${isolated(name)}. It is in the trash.`, async () => { await restore(id); land(`config-${id}`, panel()); });
  } catch (error) {
    if (error.status !== 412 && error.status !== 404) { notice(`${isolated(name)} was not deleted: ${excuse(error)}`); return; }
    await renew(panel());
    notice(`${isolated(name)} was changed or deleted by someone else meanwhile, so nothing was done. The page shows it as it is now.`);
  }
}
async function takeBack(button) {
  const { configRestore: id, name } = button.dataset, next = near(button);
  try {
    await restore(id);
    land(next, panel());
    notice(name ? `Restored ${isolated(name)}.` : "Restored.");
  } catch (error) { notice(`Not restored: ${excuse(error)}`); }
}
async function rollBack({ dataset: { rollBack: number } }) {
  const { id, etag, version } = panel().dataset;
  const to = (wanted, on) => call("POST", `${at(id)}/versions/${wanted}/restore`, { headers: { "if-match": on } });
  try {
    const made = await to(number, etag);
    await begin();
    notice(`Rolled back to version ${number}; it is version ${made.version} now.`, async () => { await to(version, `"${id}.${made.version}"`); await begin(); });
  } catch (error) { notice(error.status === 412 ? "Someone else changed it meanwhile, so nothing was rolled back. Load the page again." : `Not rolled back: ${excuse(error)}`); }
}

// A list that is open does not stay when its service goes, nor missing when it is back. What one edits is no list.
document.addEventListener("turned", () => { const list = byId("configs"); if (list) renew(list).catch(() => {}); });
document.addEventListener("input", ({ target }) => { if (target.closest(".config-form")) look(); });
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".config-form")) return;
  event.preventDefault();
  const button = event.target.querySelector("button.first");
  busy(button, () => event.target.id === "edit" ? save(panel().dataset.etag) : create());
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  if (button.dataset.configDelete) busy(button, () => remove(button));
  else if (button.dataset.configRestore) busy(button, () => takeBack(button));
  else if (button.dataset.rollBack) busy(button, () => rollBack(button));
  else if (button.id === "discard") busy(button, begin);
});
