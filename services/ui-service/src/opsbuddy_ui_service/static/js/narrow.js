// Long tables show their first rows until one asks for all, and those alone that have what one types. What is typed is in the address.
import { say } from "./clock.js";

const FIRST = 30;
const whole = new Set(); // tables of which all is wanted
const name = (field) => field.dataset.narrow;

function look(panel) {
  const field = panel.querySelector("[data-narrow]");
  if (!field) return;
  const words = field.value.toLowerCase().split(/\s+/), rows = [...panel.querySelectorAll("tbody tr")];
  const found = rows.filter((row) => { const text = row.textContent.toLowerCase(); return words.every((word) => text.includes(word)); });
  const shown = new Set(whole.has(name(field)) ? found : found.slice(0, FIRST));
  for (const row of rows) row.hidden = !shown.has(row);
  const more = panel.querySelector("[data-all]");
  more.hidden = shown.size === found.length;
  say(more, `Show all ${found.length.toLocaleString("en")}`);
  say(panel.querySelector("[data-narrowed]"), found.length ? `${shown.size.toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : `None of ${rows.length.toLocaleString("en")} has that`);
}
const panels = () => document.querySelectorAll(".panel:has([data-narrow])");

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-narrow]")) return;
  const here = new URL(location.href);
  if (target.value) here.searchParams.set(name(target), target.value); else here.searchParams.delete(name(target));
  history.replaceState(history.state, "", here);
  look(target.closest(".panel"));
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-all]");
  if (!button) return;
  const panel = button.closest(".panel"), [next] = [...panel.querySelectorAll("tbody tr[hidden]")];
  whole.add(name(panel.querySelector("[data-narrow]")));
  look(panel);
  next?.querySelector("a")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:after:swap", () => panels().forEach(look));
for (const panel of panels()) {
  const field = panel.querySelector("[data-narrow]");
  field.value = new URLSearchParams(location.search).get(name(field)) ?? "";
  look(panel);
}
