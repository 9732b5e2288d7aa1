// The list of the files, and what is done with one: delete and its undo, restore. The moments of the search are in the reader's time.
import { call, excuse } from "./calls.js";
import { busy, land, near, notice } from "./hands.js";
import { renew } from "./morph.js";

const panel = () => document.querySelector("[data-panel]");
const isolated = (name) => `\u2068${name}\u2069`;
const at = (id) => `/api/files/${encodeURIComponent(id)}`;
export async function restore(id) {
  await call("POST", `${at(id)}/restore`);
  await renew(panel());
}
async function remove(button) {
  const { delete: id, etag, name } = button.dataset;
  const next = near(button);
  try {
    await call("DELETE", at(id), { headers: { "if-match": etag } });
  } catch (error) {
    if (error.status !== 412 && error.status !== 404) { notice(`${isolated(name)} was not deleted: ${excuse(error)}`); return; }
    await renew(panel());
    notice(error.status === 404 ? `${isolated(name)} had gone already.` : `${isolated(name)} was changed by someone else meanwhile, so it was not deleted. The page shows it as it is now.`);
    return;
  }
  await renew(panel());
  land(next, panel());
  notice(`Deleted ${isolated(name)}. It is in the trash.`, async () => { await restore(id); land(`file-${id}`, panel()); });
}
async function takeBack(button) {
  const { restore: id, name } = button.dataset;
  const next = near(button);
  try {
    await restore(id);
    land(next, panel());
    notice(name ? `Restored ${isolated(name)}.` : "Restored.");
  } catch (error) {
    notice(`Not restored: ${excuse(error)}`);
  }
}
// A list that is open does not stay when its service goes, nor missing when it is back. What one edits is no list.
document.addEventListener("turned", () => { if (panel()?.id === "files") renew(panel()).catch(() => {}); });
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-delete], [data-restore]");
  if (button) busy(button, () => button.dataset.delete ? remove(button) : takeBack(button));
});

// --- the search: moments are typed in the reader's time and asked for in UTC; what is blank stays out of the address
const two = (number) => String(number).padStart(2, "0");
const local = (moment) => `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}T${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
for (const input of document.querySelectorAll("[data-moment]")) {
  const sent = document.querySelector(`input[type=hidden][name=${input.dataset.moment}]`);
  const moment = new Date(sent.value);
  input.value = Number.isNaN(moment.getTime()) ? "" : local(moment);
  input.addEventListener("input", () => { sent.value = input.value ? new Date(input.value).toISOString() : ""; });
}
document.getElementById("search")?.addEventListener("formdata", ({ formData }) => {
  for (const name of new Set(formData.keys())) {
    const filled = formData.getAll(name).filter((value) => value.trim());
    formData.delete(name);
    for (const value of filled) formData.append(name, value);
  }
});
