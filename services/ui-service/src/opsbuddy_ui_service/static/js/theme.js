// Paper, ink, or what the system says; set before the first paint.
const KEY = "theme", ORDER = ["system", "light", "dark"];
const root = document.documentElement;
const words = { system: "as the system", light: "day", dark: "night" };

function wear(theme) {
  if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) button.textContent = `Theme: ${words[theme]}`;
}
let worn; // for a browser that keeps nothing
const read = () => { try { return localStorage.getItem(KEY); } catch { return worn; } };
const kept = () => ORDER.includes(read()) ? read() : "system";
export function turn() {
  const next = ORDER[(ORDER.indexOf(kept()) + 1) % ORDER.length];
  try { localStorage.setItem(KEY, next); } catch { worn = next; }
  wear(next);
}
wear(kept());
document.addEventListener("click", (event) => { if (event.target.closest("[data-theme-switch]")) turn(); });
