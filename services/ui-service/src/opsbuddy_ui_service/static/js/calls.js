// Asks this page's own server, and keeps what was asked and answered for the response log of the System page.
const KEPT = 100, MOST = 8192, KEY = "calls", LIMIT = 10000;

export class Problem extends Error {
  constructor(status, document, url) {
    super(document?.detail ?? `${url} answered ${status}`);
    this.status = status;
    this.errors = document?.errors ?? [];
  }
}
export const excuse = (error) => error.name === "TimeoutError" ? "no answer within 10 s" : error.name === "TypeError" ? "OpsBuddy cannot be reached; if you came through a port-forward, start it again" : error.message;

export function recorded() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; }
}
export function record(entry) {
  const kept = [{ at: new Date().toISOString(), ...entry, body: String(entry.body ?? "").slice(0, MOST) }, ...recorded()].slice(0, KEPT);
  try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { sessionStorage.removeItem(KEY); }
  document.dispatchEvent(new CustomEvent("called", { detail: kept[0] }));
}

// Return the answer's JSON (or text). `body`: an object goes as JSON; FormData and text go as they are. Throws Problem, TimeoutError or TypeError.
export async function call(method, url, { body, headers = {}, limit = LIMIT } = {}) {
  const plain = body === undefined || body instanceof FormData || typeof body === "string";
  const begun = performance.now();
  const note = (status, text) => record({ method, url, status, ms: Math.round(performance.now() - begun), sent: body instanceof FormData ? "(form)" : plain ? body : JSON.stringify(body), body: text });
  let answer, text;
  try {
    answer = await fetch(url, {
      method, signal: AbortSignal.timeout(limit),
      body: plain ? body : JSON.stringify(body),
      headers: plain ? headers : { "content-type": "application/json", ...headers },
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
