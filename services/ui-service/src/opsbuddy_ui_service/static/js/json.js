// Reads JSON as the services do, and says in words where it is wrong: besides what is no JSON they refuse names that are there twice, what is too deep or too long, and numbers that would not be kept exactly.
const MOST = 64 * 1024, DEEPEST = 16, TAGS = 256, LETTERS = 256;
const EXAMPLE = { tags: '{"category": "logs"}', metadata: '{"host": "web-1"}' };
const BLANK = new Set([" ", "\t", "\n", "\r"]);

class Wrong extends Error {
  constructor(why, at) { super(why); this.at = at; }
}

class Reader {
  constructor(text) { this.text = text; this.at = 0; this.depth = 0; }

  document() {
    const value = this.value();
    this.space();
    if (this.at < this.text.length) throw new Wrong(`expected the end, found ${this.found()}`, this.at);
    return value;
  }
  space() { while (BLANK.has(this.text[this.at])) this.at += 1; }
  found() {
    const letter = String.fromCodePoint(this.text.codePointAt(this.at) ?? 32);
    return this.at >= this.text.length ? "the end of the text" : letter === "'" || letter === "\u201c" || letter === "\u201d" ? `${letter} (texts stand between straight double quotes)` : letter;
  }
  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
  value() {
    this.space();
    const letter = this.text[this.at];
    if (letter === "{") return this.nested(() => this.object());
    if (letter === "[") return this.nested(() => this.list());
    if (letter === '"') return this.string();
    const begun = this.at;
    const word = this.match(/(?:true|false|null)(?![\p{L}\p{N}_])/uy);
    if (word) return JSON.parse(word);
    const digits = this.match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_.])/uy);
    if (digits) return number(digits, begun);
    const other = this.match(/[\p{L}_][\p{L}\p{N}_]*/uy);
    throw new Wrong(other ? `expected a value, found ${other.slice(0, 40)}; texts stand between double quotes` : `expected a value, found ${this.found()}`, begun);
  }
  nested(read) {
    this.depth += 1;
    if (this.depth > DEEPEST) throw new Wrong(`nested deeper than ${DEEPEST} levels`, this.at);
    this.at += 1;
    const value = read();
    this.depth -= 1;
    return value;
  }
  object() {
    const members = new Map();
    this.space();
    if (this.text[this.at] === "}") { this.at += 1; return members; }
    for (;;) {
      this.space();
      const begun = this.at;
      if (this.text[this.at] === "}") throw new Wrong("a comma with nothing after it", this.at);
      if (this.text[this.at] !== '"') throw new Wrong(`expected a name in double quotes, found ${this.found()}`, this.at);
      const name = this.string();
      if (members.has(name)) throw new Wrong(`the name ${name} is there twice`, begun);
      this.space();
      if (this.text[this.at] !== ":") throw new Wrong(`expected : after the name, found ${this.found()}`, this.at);
      this.at += 1;
      members.set(name, this.value());
      if (this.ends("}")) return members;
    }
  }
  list() {
    const items = [];
    this.space();
    if (this.text[this.at] === "]") { this.at += 1; return items; }
    for (;;) {
      this.space();
      if (this.text[this.at] === "]") throw new Wrong("a comma with nothing after it", this.at);
      items.push(this.value());
      if (this.ends("]")) return items;
    }
  }
  ends(closing) {
    this.space();
    const letter = this.text[this.at];
    if (letter !== "," && letter !== closing) throw new Wrong(`expected , or ${closing}, found ${this.found()}`, this.at);
    this.at += 1;
    return letter === closing;
  }
  string() {
    const begun = this.at;
    this.at += 1;
    this.match(/(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y);
    const letter = this.text[this.at];
    if (letter === "\\") throw new Wrong("after \\ stands one of \" \\ / b f n r t, or u and four hexadecimal digits", this.at);
    if (letter === undefined || letter === "\n" || letter === "\r") throw new Wrong("this text has no closing double quote", begun);
    if (letter !== '"') throw new Wrong("a control character; write \\t for a tab", this.at);
    this.at += 1;
    const value = JSON.parse(this.text.slice(begun, this.at));
    if (value.includes("\0") || !value.isWellFormed()) throw new Wrong("a NUL character, or half of a surrogate pair", begun);
    return value;
  }
}
function number(digits, at) {
  const whole = /^-?\d+$/.test(digits);
  const large = whole ? digits.length > 20 || BigInt.asIntN(64, BigInt(digits)) !== BigInt(digits) : !Number.isFinite(Number(digits));
  if (large) throw new Wrong(`the number ${digits.slice(0, 24)} is larger than numbers are kept; write it as a text`, at);
  return Number(digits);
}

function checkTags(tags) {
  const items = [...tags].flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((item) => [name, item]));
  if (items.length > TAGS) throw new Wrong(`${items.length} tags; a file has at most ${TAGS}. Put the rest into metadata`, 0);
  for (const [name, item] of items) {
    const long = [name, item].find((text) => typeof text === "string" && [...text].length > LETTERS);
    if (!name || long) throw new Wrong(`names and values of tags have 1 to ${LETTERS} characters${long ? `; ${long.slice(0, 20)}… has more` : ""}`, 0);
  }
}

// Return in words what is wrong with the text of an object and where, or "" for what can be sent. Nothing but space is nothing.
export function fault(text, kind) {
  if (!text.trim()) return "";
  try {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MOST) throw new Wrong(`${bytes} bytes; at most ${MOST} are kept`, MOST);
    const value = new Reader(text).document();
    if (!(value instanceof Map)) throw new Wrong(`expected a JSON object, for example ${EXAMPLE[kind] ?? EXAMPLE.tags}`, text.search(/\S/));
    if (kind === "tags") checkTags(value);
    return "";
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const before = text.slice(0, error.at).split("\n");
    const column = [...before.at(-1)].length + 1;
    const place = text.includes("\n") ? `Line ${before.length}, character ${column}` : `Character ${column}`;
    return `${place}: ${error.message}.`;
  }
}

// Return how a value that one types is kept: `{ kind, raw }`, JSON where it reads as JSON and a text otherwise; `wrong` in words where it begins as JSON and goes on as none.
export function kept(text) {
  const trimmed = text.trim();
  try {
    const value = new Reader(trimmed).document();
    const kind = value instanceof Map ? "an object" : Array.isArray(value) ? "a list" : value === null ? "null" : { string: "a text", number: "a number", boolean: "true or false" }[typeof value];
    return { kind, raw: trimmed };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    if (!/^[[{"]/.test(trimmed)) return { kind: "a text", raw: JSON.stringify(text) };
    const before = trimmed.slice(0, error.at).split("\n");
    return { wrong: `Line ${before.length}, character ${[...before.at(-1)].length + 1}: ${error.message}. A text that begins like this has to stand in double quotes.` };
  }
}

// Say of one field what is wrong with it; "" clears that.
export function blame(field, words) {
  const place = document.getElementById(`${field.id}-wrong`);
  if (place.textContent !== words) place.textContent = words;
  if (words) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
}
// Check every field of JSON in a form; put the hand into the first that is wrong. Return whether all can be sent.
export function check(form) {
  const fields = [...form.querySelectorAll("[data-json]")];
  for (const field of fields) blame(field, fault(field.value, field.dataset.json));
  const first = fields.find((field) => field.hasAttribute("aria-invalid"));
  first?.focus();
  return !first;
}
document.addEventListener("input", ({ target }) => { if (target.matches("[data-json]")) blame(target, fault(target.value, target.dataset.json)); });
