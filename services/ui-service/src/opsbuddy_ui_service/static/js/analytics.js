// The page of the logs.
import "./chart.js";
import { begin as entry } from "./entry.js";
import { begin as lines } from "./lines.js";
import "./narrow.js";
import { begin as tail } from "./tail.js";
import { local } from "./times.js";

const ONWARD = ["cursor", "around", "event", "tail", "instead"]; // another range is another search

local(document.getElementById("search"));
lines();
entry();
tail();

for (const button of document.querySelectorAll("[data-link]")) button.dataset.copy = new URL(button.dataset.link, location).href;
document.addEventListener("htmx:after:swap", ({ target }) => {
  if (target.id === "lines") lines();
  const found = document.querySelector(".found[data-title]"); // counted after the page came: it stands where it would have stood
  if (!found) return;
  document.getElementById("logs-title").replaceChildren(...found.childNodes);
  found.remove();
});
document.addEventListener("brush", (event) => {
  event.preventDefault();
  const address = new URL("/analytics", location), kept = new URLSearchParams(location.search);
  for (const name of ONWARD) kept.delete(name);
  kept.set("start", event.detail.from);
  kept.set("end", event.detail.to);
  address.search = kept;
  location.assign(address);
});
// What the platform says changed: the panels look again at once, not when their time comes.
document.addEventListener("turned", () => {
  for (const panel of document.querySelectorAll("[data-renew]")) htmx.trigger(panel, "renew");
});
