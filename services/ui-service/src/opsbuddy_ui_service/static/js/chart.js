// <ob-chart>: a chart whose data are the table inside it, so that who does not see it reads the same figures. Made by the macro in _chart.html.
//   kind="line|bars"  stacked  unit="ms|%|B|…"  from= to= (RFC 3339: the whole range, also where nothing is)  step= (seconds: longer silence is a gap)
//   brush="from to": a stretch that is marked becomes these parameters of the address; `brush` is dispatched before and can be prevented
// The head of a column is its name, data-tone="ok|warn|bad|stale" its colour; without one it is ink. An empty cell is a gap.
// `show(times, series)` draws without a table (live figures): seconds, and [{ name, tone, values }]; the table is written when somebody opens it.
import { now, seconds, clock, two } from "./clock.js";

const HEIGHT = 160, LEAST = 60; // pixels; seconds that a chart has at least, so that the first values are seen and the axis stays
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 5]];
const TOGETHER = uPlot.sync("page"); // all charts of a page have one cursor
let held = null; // the chart in which a stretch is being marked

export function words(value, unit) {
  if (value == null) return "–";
  if (unit === "B") {
    const step = value ? Math.min(4, Math.floor(Math.log2(Math.abs(value)) / 10)) : 0;
    return `${short(value / 1024 ** Math.max(0, step))} ${["B", "KiB", "MiB", "GiB", "TiB"][Math.max(0, step)]}`;
  }
  return unit ? `${short(value)} ${unit}` : short(value);
}
const short = (value) => Math.abs(value) >= 1e6 ? value.toExponential(2) : value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) < 1000 ? 3 : 6 });

function read(table) {
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows].map((row) => [Date.parse(row.querySelector("time").dateTime) / 1000, row]).sort(([a], [b]) => a - b);
  const figure = (cell) => {
    const text = cell?.dataset.value ?? cell?.textContent.trim() ?? "";
    return text === "" || text === "–" ? null : Number(text.replaceAll(",", ""));
  };
  return {
    times: rows.map(([time]) => time),
    series: heads.map((head, at) => ({ name: head.textContent.trim(), tone: head.dataset.tone, values: rows.map(([, row]) => figure(row.cells[at + 1])) })),
  };
}
// Put a gap where nothing came for longer than a step and a half.
function torn({ times, series }, step) {
  if (!step) return { times, series };
  const out = { times: [], series: series.map((each) => ({ ...each, values: [] })) };
  times.forEach((time, at) => {
    if (at && time - times[at - 1] > 1.5 * step) {
      out.times.push(times[at - 1] + step);
      for (const each of out.series) each.values.push(null);
    }
    out.times.push(time);
    out.series.forEach((each, index) => each.values.push(series[index].values[at]));
  });
  return out;
}
// Where a series comes more seldom than its buckets, what lies between two of its values is no gap: `undefined` is drawn through.
function joined(values) {
  const known = [...values.keys()].filter((at) => values[at] != null);
  const apart = known.slice(1).map((at, index) => at - known[index]), usual = [...apart].sort((a, b) => a - b)[apart.length >> 1];
  if (!(usual > 1)) return values;
  const out = [...values];
  apart.forEach((steps, index) => { if (steps <= 1.5 * usual) out.fill(undefined, known[index] + 1, known[index + 1]); });
  return out;
}
// Return the sums that are drawn: the last column lies lowest, the first on top of all.
function piled(series) {
  let below = series[0]?.values.map(() => 0) ?? [];
  return series.map((each) => each.values).reverse().map((values) => (below = below.map((sum, at) => sum + (values[at] ?? 0)))).reverse();
}

// Where values between two gaps are: each is drawn as a point, or it would not be seen.
function lonely(values) {
  const ends = (at) => values[at] === null || !(at in values);
  return [...values.keys()].filter((at) => values[at] != null && ends(at - 1) && ends(at + 1));
}

class Chart extends HTMLElement {
  #data = { times: [], series: [] };
  #given = false;
  #look = "";
  #plot = null;
  #stop = new AbortController();
  #seen = [];

  connectedCallback() {
    this.#stop = new AbortController();
    [this.place, this.key] = [this.querySelector(".plot"), this.querySelector(".key")];
    const { signal } = this.#stop;
    this.#seen = [
      Object.assign(new ResizeObserver(() => this.#fit()), { of: [this.place] }),
      Object.assign(new MutationObserver(() => this.#later()), { of: [this.querySelector("details")].filter(Boolean), how: { subtree: true, childList: true, characterData: true, attributeFilter: ["datetime", "data-value"] } }),
      Object.assign(new MutationObserver(() => this.#later()), { of: [this], how: { attributeFilter: ["from", "to", "step", "kind", "unit"] } }),
      Object.assign(new MutationObserver(() => this.#draw()), { of: [document.documentElement], how: { attributeFilter: ["data-theme"] } }),
    ];
    for (const observer of this.#seen) for (const target of observer.of) observer.observe(target, observer.how);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(), { signal });
    addEventListener("pointerup", () => setTimeout(() => { held = null; }), { signal });
    this.place.addEventListener("pointerdown", () => { held = this; }, { signal });
    this.querySelector("details")?.addEventListener("toggle", () => this.#write(), { signal });
    document.fonts.ready.then(() => this.#plot?.redraw());
    this.#take();
  }
  disconnectedCallback() {
    this.#stop.abort();
    for (const observer of this.#seen) observer.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  show(times, series) {
    this.#given = true;
    this.#adopt({ times, series });
    this.#write();
  }

  #part(tag, name) { return Object.assign(document.createElement(tag), { className: name }); }
  #table() { return this.querySelector("table"); }
  #waits = false;
  #later() {
    if (this.#waits) return;
    this.#waits = true;
    requestAnimationFrame(() => { this.#waits = false; if (this.isConnected && !this.#given) this.#take(); });
  }
  #take() {
    const table = this.#table();
    if (!table?.tHead) return;
    this.#adopt(read(table));
  }
  // The same series again only move: what a hand is at stays.
  #adopt(data) {
    const before = this.#data.series, look = ["kind", "unit", "stacked", "zero", "brush"].map((name) => this.getAttribute(name)).join();
    const alike = this.#plot && look === this.#look && data.series.length === before.length && data.series.every(({ name, tone }, at) => name === before[at].name && tone === before[at].tone);
    this.#look = look;
    this.#data = torn(data, Number(this.getAttribute("step")));
    if (alike) { this.#plot.setData(this.#drawn()); this.#say(); } else this.#draw();
  }
  #drawn() {
    const { times, series } = this.#data;
    return [times, ...(this.hasAttribute("stacked") ? piled(series) : series.map(({ values }) => joined(values)))];
  }
  // A token may depend on the theme; only a property of an element tells what it is now.
  #ink(token) {
    this.key.style.setProperty("outline-color", `var(--${token})`);
    const colour = getComputedStyle(this.key).outlineColor;
    this.key.style.removeProperty("outline-color");
    return colour;
  }
  #tone(tone, at) { return this.#ink(tone || (this.hasAttribute("stacked") || at % 2 ? "line-strong" : "ink")); }
  #range() {
    const ends = ["from", "to"].map((name) => Date.parse(this.getAttribute(name)) / 1000);
    const { times } = this.#data;
    if (ends.every(Number.isFinite)) return ends;
    const last = times.at(-1) ?? now() / 1000;
    return [Math.min(times[0] ?? last - 3600, last - LEAST), last];
  }
  #fit() {
    const width = this.place.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: this.place.clientHeight || HEIGHT });
  }

  #draw() {
    this.#plot?.destroy();
    const bars = this.getAttribute("kind") === "bars", unit = this.getAttribute("unit") ?? "", stacked = this.hasAttribute("stacked");
    const { series } = this.#data, soft = this.#ink("ink-soft"), line = this.#ink("line");
    const font = `${Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8125)}px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
    const axis = { stroke: soft, font, ticks: { show: false } };
    const [from, to] = this.#range();
    const columns = series.map(({ name, tone }, at) => {
      const colour = this.#tone(tone, at);
      return bars
        ? { label: name, stroke: colour, fill: colour, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 60], align: 1, gap: 1 }) }
        : { label: name, stroke: colour, width: 1.5, dash: DASHES[Math.floor(at / 2) % DASHES.length], spanGaps: false, points: { show: false, filter: (plot, index) => lonely(plot.data[index]) } };
    });
    this.#plot = new uPlot({
      width: this.place.clientWidth || 600,
      height: this.place.clientHeight || HEIGHT,
      legend: { show: false },
      cursor: { y: false, sync: { key: TOGETHER.key, setSeries: false }, drag: { x: this.hasAttribute("brush"), y: false, setScale: false, dist: 5 }, points: { show: !bars } },
      scales: { x: { time: true, range: () => this.#range() }, y: { range: (_, low, high) => this.#span(low, high) } },
      axes: [
        { ...axis, size: 26, gap: 4, space: 72, grid: { show: false }, values: (plot, ticks, __, ___, step) => ticks.map((at) => whole(plot, at, tick(at, step, to - from))) },
        { ...axis, gap: 6, size: (plot, values) => 14 + 8 * Math.max(4, ...(values ?? []).map((text) => text.length)), space: 26, grid: { stroke: line, width: 1 }, values: (_, ticks) => ticks.map((value) => words(value, unit)) },
      ],
      series: [{}, ...columns],
      hooks: { setCursor: [() => this.#say()], setSelect: [(plot) => this.#brushed(plot)] },
    }, this.#drawn(), this.place);
    this.#legend(stacked ? "bar" : bars ? "bar" : "line");
    this.#say();
  }
  #span(low, high) {
    const least = this.getAttribute("zero") === "no" ? low ?? 0 : Math.min(0, low ?? 0), most = high ?? 1;
    return most > least ? [least, most + (most - least) * 0.06] : [least, least + 1];
  }
  #legend(shape) {
    this.values = [];
    const time = document.createElement("time");
    this.key.replaceChildren(time, ...this.#data.series.map(({ name, tone }, at) => {
      const item = this.#part("span", "of");
      item.append(mark(shape, this.#tone(tone, at), DASHES[Math.floor(at / 2) % DASHES.length]), Object.assign(document.createElement("bdi"), { textContent: name }), this.values[at] = this.#part("b", "num"));
      return item;
    }));
  }
  // The figures under the cursor; without one those of the newest time.
  #say() {
    if (!this.#plot || !this.values) return;
    const { times, series } = this.#data, at = this.#plot.cursor.idx, under = at != null && times[at] != null;
    const time = this.key.firstChild;
    time.textContent = under ? seconds(new Date(times[at] * 1000)).replace(/:00$/, "") : "";
    series.forEach(({ values }, index) => { this.values[index].textContent = under ? words(values[at], this.getAttribute("unit") ?? "") : ""; });
  }
  #brushed(plot) {
    const { left, width } = plot.select;
    if (!width || held !== this) return;
    const coarse = plot.posToVal(left + width, "x") - plot.posToVal(left, "x") > 120;
    const [from, to] = [left, left + width].map((place) => new Date((coarse ? Math.round(plot.posToVal(place, "x")) : plot.posToVal(place, "x")) * 1000).toISOString());
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (!this.dispatchEvent(new CustomEvent("brush", { bubbles: true, cancelable: true, detail: { from, to } }))) return;
    const address = new URL(location.href), [first, last] = this.getAttribute("brush").split(" ");
    address.searchParams.set(first, from);
    address.searchParams.set(last, to);
    location.assign(address);
  }
  #write() {
    const details = this.querySelector("details");
    if (!this.#given || !details?.open) return;
    const { times, series } = this.#data, table = document.createElement("table"), cell = (row, tag, text) => row.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
    table.className = "list";
    const head = table.createTHead().insertRow(), body = table.createTBody();
    for (const name of ["Time", ...series.map((each) => each.name)]) cell(head, "th", name).scope = "col";
    times.forEach((time, at) => {
      const row = body.insertRow();
      cell(row, "th", seconds(new Date(time * 1000))).scope = "row";
      for (const { values } of series) cell(row, "td", words(values[at], this.getAttribute("unit") ?? ""));
    });
    const before = this.#table();
    if (before) before.replaceWith(table); else details.append(table);
  }
}

function tick(at, step, span) {
  const time = new Date(at * 1000), midnight = time.getHours() + time.getMinutes() + time.getSeconds() === 0;
  if (step >= 86400 || (midnight && span > 7200)) return clock(time).replace(/ \d\d:\d\d$/, "").replace(/^\d\d:\d\d$/, "00:00");
  return `${two(time.getHours())}:${two(time.getMinutes())}${step < 60 ? `:${two(time.getSeconds())}` : ""}`;
}
// A label that the edge would cut says nothing.
function whole(plot, at, text) {
  return plot.bbox.left / devicePixelRatio + plot.valToPos(at, "x") + 4 * text.length > plot.width ? "" : text;
}
function mark(shape, colour, dash) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawing.setAttribute("viewBox", "0 0 24 12");
  drawing.setAttribute("aria-hidden", "true");
  line.setAttribute("d", shape === "bar" ? "M6 6h12" : "M0 6h24");
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", shape === "bar" ? "10" : "2");
  if (shape === "line" && dash.length) line.setAttribute("stroke-dasharray", dash.join(" "));
  drawing.append(line);
  return drawing;
}
customElements.define("ob-chart", Chart);
