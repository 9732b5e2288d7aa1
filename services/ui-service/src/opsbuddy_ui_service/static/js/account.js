// Signing in leads back to where one was; who signs out takes what was answered out of every tab of this browser.
import { forget } from "./calls.js";

const KEY = "account", tabs = new BroadcastChannel(KEY);
const who = document.querySelector(".account form") ? "in" : "out";
let before = null;
try {
  before = sessionStorage.getItem(KEY);
  sessionStorage.setItem(KEY, who);
} catch { /* a browser that keeps nothing has nothing to forget */ }

function back({ target }) {
  const link = target.closest?.('a[href^="/login"]');
  if (link && location.pathname !== "/login") link.href = `/login?${new URLSearchParams({ next: location.pathname + location.search })}`;
}
for (const name of ["click", "auxclick"]) document.addEventListener(name, back, true);
// Panels that were locked are asked for again; what one types beside them stays.
tabs.addEventListener("message", ({ data }) => {
  if (data === "in") for (const panel of document.querySelectorAll(".locked")) htmx.trigger(panel, "came");
  else { forget(); location.reload(); }
});
if (before && before !== who) {
  if (who === "out") forget();
  tabs.postMessage(who);
}
