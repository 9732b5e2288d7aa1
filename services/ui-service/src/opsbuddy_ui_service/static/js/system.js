// The system while one looks: its figures every two seconds, and charts that grow. Nothing is asked while the tab is hidden, or they are locked.
import { renew } from "./morph.js";

const EVERY = 2000, KEPT = 300;
const charts = [...document.querySelectorAll("[data-live-chart]")].map((place) => ({ name: place.dataset.liveChart, chart: place.querySelector("ob-chart"), label: place.querySelector("h3").textContent, values: [] }));
const times = [];

function take() {
  const { at, ...figures } = document.getElementById("system").dataset;
  const time = Date.parse(at) / 1000;
  if (!at || time === times.at(-1)) return;
  times.push(time);
  if (times.length > KEPT) times.shift();
  for (const { name, chart, label, values } of charts) {
    values.push(figures[name] === "" ? null : Number(figures[name]));
    if (values.length > KEPT) values.shift();
    chart.show([...times], [{ name: label, values: [...values] }]);
  }
}
async function ask() {
  const panel = document.getElementById("system");
  if (!document.hidden && !panel.querySelector(".locked")) {
    try { await renew(panel); } catch { /* the page says itself when nothing is heard */ }
    take();
  }
  setTimeout(ask, EVERY);
}
take();
setTimeout(ask, EVERY);
