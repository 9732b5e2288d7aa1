// Paper, ink, or what the system says; set before the first paint.
const KEY = "theme", ORDER = ["system", "light", "dark"];
const root = document.documentElement;
const words = { system: "as the system", light: "day", dark: "night" };

function wear(theme) {
  if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) button.textContent = `Theme: ${words[theme]}`;
}
const kept = () => ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";
export function turn() {
  const next = ORDER[(ORDER.indexOf(kept()) + 1) % ORDER.length];
  localStorage.setItem(KEY, next);
  wear(next);
}
wear(kept());
document.addEventListener("click", (event) => { if (event.target.closest("[data-theme-switch]")) turn(); });
