// Asks this page's own server, and keeps what was asked and answered for the response log of the System page.
const KEPT = 100, MOST = 8192, KEY = "calls", LIMIT = 10000;

export class Problem extends Error {
  constructor(status, document, url) {
    super(document?.detail ?? `${url} answered ${status}`);
    this.status = status;
    this.errors = document?.errors ?? [];
  }
}
export const UNKNOWN = "you are not signed in, or not any more; sign in, then do it again";
export const excuse = (error) => error.name === "TimeoutError" ? "no answer within 10 s" : error.name === "TypeError" ? "OpsBuddy cannot be reached; if you came through a port-forward, start it again" : error.status === 401 ? UNKNOWN : error.message;

export function recorded() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; }
}
export function record(entry) {
  const body = String(entry.body ?? ""), kept = recorded();
  // a panel that asks again and again is one entry, so that it does not push out the others
  const place = entry.url.startsWith("/panels/") ? kept.findIndex((old) => old.method === entry.method && old.url === entry.url && old.status === entry.status) : -1;
  const before = kept[place] ?? { id: `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`, times: 0 };
  const sent = entry.sent?.slice(0, MOST);
  const fresh = { ...entry, sent, id: before.id, times: before.times + 1, at: new Date().toISOString(), body: body.slice(0, MOST), cut: body.length > MOST, length: body.length };
  if (place < 0) kept.unshift(fresh); else kept[place] = fresh;
  try { sessionStorage.setItem(KEY, JSON.stringify(kept.slice(0, KEPT))); } catch { forget(); }
  document.dispatchEvent(new CustomEvent("called", { detail: fresh }));
}
export const forget = () => { try { sessionStorage.removeItem(KEY); } catch { /* nothing is kept */ } };

// Fetch a piece of a page: whether it came, and its text. What is noted is what was asked, not who asked.
export async function piece(url) {
  const begun = performance.now();
  const note = (status, body) => record({ method: "GET", url, status, ms: Math.round(performance.now() - begun), body });
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT) }), text = await answer.text();
    note(answer.status, text);
    return { ok: answer.ok, text };
  } catch (error) {
    note("-", excuse(error));
    throw error;
  }
}
// htmx asks by itself.
const begun = new WeakMap();
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => begun.set(ctx, performance.now()));
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const at = new URL(ctx.request.action, location.href);
  record({ method: ctx.request.method.toUpperCase(), url: at.pathname + at.search, status: ctx.response.status, ms: Math.round(performance.now() - (begun.get(ctx) ?? performance.now())), body: ctx.text });
});

// Return the answer's JSON (or text). `body`: an object goes as JSON; FormData and text go as they are. Throws Problem, TimeoutError or TypeError.
export async function call(method, url, { body, headers = {}, limit = LIMIT } = {}) {
  const plain = body === undefined || body instanceof FormData || typeof body === "string";
  const begun = performance.now();
  const sentHeaders = plain ? headers : { "content-type": "application/json", ...headers };
  const note = (status, text) => record({ method, url, status, headers: sentHeaders, ms: Math.round(performance.now() - begun), sent: body instanceof FormData ? "(form)" : plain ? body : JSON.stringify(body), body: text });
  let answer, text;
  try {
    answer = await fetch(url, {
      method, signal: AbortSignal.timeout(limit),
      body: plain ? body : JSON.stringify(body),
      headers: sentHeaders,
    });
    text = await answer.text();
  } catch (error) {
    note("-", excuse(error));
    throw error;
  }
  note(answer.status, text);
  const data = /json/.test(answer.headers.get("content-type") ?? "") && text ? JSON.parse(text) : text;
  if (!answer.ok) throw new Problem(answer.status, data, url);
  return data;
}
