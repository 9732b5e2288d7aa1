// Times that people type: their own zone in the field, UTC in the address. `15m`, `now` and what has a zone go as they are.
import { now, two } from "./clock.js";

const CLOCK = /^(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$/, LOCAL = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$/, UTC = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*Z$/i;

// Return RFC 3339 for a local time, the last one there was where the day is not said; other text as it is, also a time that no clock or calendar has.
export function instant(text) {
  const clock = CLOCK.exec(text), local = LOCAL.exec(text);
  if (!clock && !local) return text;
  const today = new Date(now());
  const [year, month, day, hour, minute, second = "0"] = local ? local.slice(1) : [today.getFullYear(), today.getMonth() + 1, today.getDate(), ...clock.slice(1)];
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= new Date(year, month, 0).getDate() && hour < 24 && minute < 60 && second < 60)) return text;
  const at = new Date(year, month - 1, day, hour, minute, 0, Number(second) * 1000);
  if (clock && at > today) at.setDate(at.getDate() - 1);
  return Number.isNaN(at.getTime()) ? text : at.toISOString();
}
// Return a UTC time as one would type it here: seconds only where there are some.
export function typed(text) {
  const at = new Date(text);
  if (!UTC.test(text) || Number.isNaN(at.getTime())) return text;
  const rest = at.getMilliseconds() ? `:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}` : at.getSeconds() ? `:${two(at.getSeconds())}` : "";
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}${rest}`;
}
// Show the times of a form as those of here; what is sent is UTC, blank fields are not.
export function local(form) {
  for (const field of form.querySelectorAll("[data-moment]")) {
    field.dataset.moment = field.value;
    field.value = field.dataset.typed = typed(field.value);
    field.defaultValue = field.value;
  }
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) {
      const field = form.elements[name];
      if (!value.trim()) formData.delete(name);
      else if (field?.dataset?.moment !== undefined) formData.set(name, value === field.dataset.typed ? field.dataset.moment : instant(value.trim()));
    }
    if (formData.has("tail")) for (const name of ["start", "end"]) formData.delete(name);
  });
}
