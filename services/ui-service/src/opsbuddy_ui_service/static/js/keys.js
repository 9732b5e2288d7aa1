// The keyboard: a palette of all pages and acts, and single keys. Nothing here fires while one types.
import { turn } from "./theme.js";

const palette = document.getElementById("palette");
const input = palette.querySelector("input");
const list = palette.querySelector("ul");
const help = document.getElementById("keys");
let chosen = 0, found = []; // what is shown: the page may change below it meanwhile

// What can be done: the links of the rail, the buttons of this page that have words, signing in or out, and the theme.
function acts() {
  const pages = [...document.querySelectorAll("nav a")].map((link) => ({ words: `Go to ${link.textContent.trim()}`, hint: `g ${link.dataset.key}`, run: () => location.assign(link.href) }));
  const buttons = [...document.querySelectorAll("main button:not([disabled])")]
    .map((button) => ({ words: (button.getAttribute("aria-label") ?? button.textContent).trim(), hint: "", run: () => { if (button.isConnected) { button.focus(); button.click(); } } }))
    .filter(({ words }) => words);
  const account = [...document.querySelectorAll(".rail .account a, .rail .account button")].map((way) => ({ words: way.textContent.trim(), hint: "", run: () => way.click() }));
  return [...pages, ...buttons, ...account, { words: "Change the theme", hint: "t", run: turn }, { words: "Show the keys", hint: "?", run: () => help.showModal() }];
}
function matching() {
  const parts = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const seen = new Set();
  return acts().filter(({ words }) => parts.every((part) => words.toLowerCase().includes(part)) && !seen.has(words) && seen.add(words)).slice(0, 50);
}
function show(those = matching()) {
  found = those;
  chosen = Math.max(0, Math.min(chosen, found.length - 1));
  list.replaceChildren(...found.map(({ words, hint }, index) => {
    const item = document.createElement("li");
    item.id = `act-${index}`;
    item.role = "option";
    item.ariaSelected = String(index === chosen);
    item.append(words);
    if (hint) item.append(Object.assign(document.createElement("kbd"), { textContent: hint }));
    return item;
  }));
  if (found.length) input.setAttribute("aria-activedescendant", `act-${chosen}`); else input.removeAttribute("aria-activedescendant");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}
function run(index) {
  const act = found[index];
  palette.close();
  act?.run();
}
export function openPalette() {
  input.value = "";
  chosen = 0;
  palette.showModal();
  show();
}
input.addEventListener("input", () => { chosen = 0; show(); });
palette.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) { chosen += step; show(found); event.preventDefault(); }
  if (event.key === "Enter") { run(chosen); event.preventDefault(); }
});
list.addEventListener("click", (event) => { const item = event.target.closest("li"); if (item) run([...list.children].indexOf(item)); });
for (const dialog of [palette, help]) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// Who speaks to the machine, or hits keys unmeant, can switch single keys off; Ctrl K stays.
const single = document.getElementById("single");
try { single.checked = localStorage.getItem("keys") !== "off"; } catch { /* this browser keeps nothing */ }
single.addEventListener("change", () => { try { localStorage.setItem("keys", single.checked ? "on" : "off"); } catch { /* until the next page, then */ } });

// A dialog that closes keeps the focus until the next frame; its fields are nobody's then.
const typing = (target) => target.closest("input, textarea, select, [contenteditable]") && !target.closest("dialog:not([open])");

let before = ""; // a key that waits for a second one
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); openPalette(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (!single.checked || typing(event.target)) return;
  const first = before;
  before = "";
  if (first === "g") {
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) { link.click(); return; }
  }
  if (event.key === "g") before = "g";
  else if (event.key === "/") {
    const search = document.querySelector("main input[type=search]");
    event.preventDefault();
    if (search) { search.focus(); search.select(); } else openPalette();
  } else if (event.key === "?") help.showModal();
  else if (event.key === "t") turn();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) openPalette();
  if (event.target.closest("[data-keys]")) help.showModal();
});
