// Commands: run one, show its output as it comes, stop it, say how it ended. Output is text of others: it is never read as anything else.
import { UNKNOWN, excuse, record } from "./calls.js";
import { now, seconds } from "./clock.js";
import { blame } from "./json.js";
import { renew } from "./morph.js";

const URL = "/api/utils/system/execute", KEPT = 5, REASONS = { ok: "Ended well", nonzero: "Ended with a failure", signal: "Ended by a signal", timeout: "Ended at its time limit", output_limit: "Ended: it wrote too much", cancelled: "Stopped", not_started: "Not started", denied: "Not allowed", lost: "Lost" };
const byId = (id) => document.getElementById(id);
const element = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });
let running = null; // the AbortController of the command that is under way

// Yield the objects of an answer that has one a line, as they come.
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
    if (done) return;
  }
}
function place(words) {
  const entry = element("article", "run"), head = element("p", "head"), says = element("p", "says"), output = element("pre");
  head.append(element("time", "", seconds(new Date(now()))), " ", element("code", "", words));
  says.role = "status";
  output.tabIndex = 0;
  output.role = "group";
  output.ariaLabel = `Output of ${words}`;
  entry.append(head, says, output);
  byId("ran").prepend(entry);
  while (byId("ran").children.length > KEPT) byId("ran").lastChild.remove();
  return { entry, says, output, code: head.querySelector("code") };
}
function ended({ says, entry }, result) {
  const cut = result.cut_bytes.stdout + result.cut_bytes.stderr;
  const parts = [`${REASONS[result.reason] ?? result.reason}.`, result.detail, `${result.duration.toFixed(2)} s, isolation ${result.isolation.level}${result.isolation.network ? " with the network" : ""}.`, cut ? `${cut} bytes of output were left out.` : "", result.stragglers ? `${result.stragglers} processes that it left were ended.` : ""];
  says.textContent = parts.filter(Boolean).join(" ");
  entry.dataset.reason = result.reason;
}
async function run(asked, words) {
  if (running) return;
  running = new AbortController();
  const begun = performance.now();
  const took = () => Math.round(performance.now() - begun);
  const seen = place(words);
  let status = "-", text = "";
  seen.says.textContent = "Begins.";
  byId("stop").hidden = false;
  for (const button of document.querySelectorAll("[data-run], #start")) button.disabled = true;
  try {
    const answer = await fetch(URL, { method: "POST", body: JSON.stringify(asked), signal: running.signal, headers: { "content-type": "application/json", accept: "application/x-ndjson" } });
    status = answer.status;
    if (!answer.ok) {
      text = await answer.text();
      denied(seen, status === 401 ? { detail: `${UNKNOWN}.` } : JSON.parse(text));
      return;
    }
    let done = false;
    for await (const event of events(answer)) {
      if (event.event === "started") { seen.code.textContent = event.command; seen.says.textContent = `Runs, at most ${event.timeout} s, isolation ${event.isolation.level}.`; }
      if (event.event === "output") { seen.output.append(element("span", event.stream, event.text)); text += event.text; seen.output.scrollTop = seen.output.scrollHeight; }
      if (event.event === "result") { ended(seen, event); done = true; }
    }
    if (!done) seen.says.textContent = "The connection broke; the service ends the command. Its end is on record.";
  } catch (error) {
    seen.says.textContent = error.name === "AbortError" ? `Stopped by you after ${(took() / 1000).toFixed(1)} s. The service ends everything that it started.` : `Not run to its end: ${excuse(error)}.`;
  } finally {
    record({ method: "POST", url: URL, status, headers: { "content-type": "application/json", accept: "application/x-ndjson" }, ms: took(), sent: JSON.stringify(asked), body: text });
    if (!seen.output.hasChildNodes()) seen.output.remove();
    running = null;
    byId("stop").hidden = true;
    for (const button of document.querySelectorAll("[data-run], #start")) button.disabled = false;
  }
}
function denied({ says, entry }, problem) {
  says.textContent = `Not run: ${problem.detail ?? "the service refused it."}`;
  entry.dataset.reason = "denied";
  for (const { field, reason } of problem.errors ?? []) {
    const name = field.replace(/^params\./, "");
    const input = document.querySelector(`[data-param="${CSS.escape(name)}"]`) ?? byId({ command: "words", timeout: "timeout" }[name] ?? "");
    if (input) { blame(input, `${reason}.`); input.focus(); }
  }
}
// Return what the form asks for, or null when a field is wrong; the hand goes there.
function asked() {
  const timeout = byId("timeout"), template = byId("template").value, words = byId("words");
  const fields = [...document.querySelectorAll("[data-param]")];
  const said = (input) => input.validity.valueMissing ? "Write a value." : input.validity.valid ? "" : `${input.validationMessage.replace(/\.?$/, ".")}`;
  for (const input of [timeout, ...fields]) blame(input, input.tagName === "SELECT" ? "" : said(input));
  if (words) blame(words, template || words.value.trim() ? "" : "Write the words of a command.");
  const wrong = byId("run").querySelector("[aria-invalid]");
  wrong?.focus();
  if (wrong) return null;
  const limit = timeout.value ? { timeout: Number(timeout.value) } : {};
  if (!template) return { command: words.value, ...limit };
  const params = Object.fromEntries(fields.filter((input) => input.value !== "").map((input) => [input.dataset.param, input.dataset.kind === "number" ? Number(input.value) : input.value]));
  return { template, params, ...limit };
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "run") return;
  event.preventDefault();
  const wanted = asked();
  if (wanted) run(wanted, wanted.command ?? byId("template").selectedOptions[0].textContent);
});
document.addEventListener("click", ({ target }) => {
  const quick = target.closest("[data-run]");
  if (quick) run({ template: quick.dataset.run, timeout: Number(quick.dataset.timeout) }, quick.textContent);
  if (target.closest("#stop")) running?.abort();
});
// Another command has other fields; the address keeps which.
document.addEventListener("change", async ({ target }) => {
  if (target.id !== "template") return;
  const address = new window.URL(location.href);
  for (const name of [...address.searchParams.keys()]) if (name.startsWith("p.")) address.searchParams.delete(name);
  if (target.value) address.searchParams.set("template", target.value); else address.searchParams.delete("template");
  history.replaceState(history.state, "", address);
  const panel = byId("commands");
  panel.dataset.panel = `/panels/utility/commands${address.search}`;
  byId("timeout").value = target.selectedOptions[0].dataset.timeout;
  byId("start").disabled = true; // until the fields are those of this command
  await renew(panel).catch(() => {});
  byId("start").disabled = Boolean(running);
  byId("template").focus();
});
