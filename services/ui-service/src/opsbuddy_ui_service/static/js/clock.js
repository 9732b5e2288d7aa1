// Times: the server's clock counts, so that a wrong clock of the reader's machine does not make things look old or new; shown in the reader's own zone.
let ahead = 0; // of the server, in ms
export const heardFrom = (at) => { ahead = Date.now() - at; };
export const now = () => Date.now() - ahead;
export const two = (number) => String(number).padStart(2, "0");
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const minutes = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
const day = (at) => `${at.getDate()} ${months[at.getMonth()]}`;
const today = (at) => at.toDateString() === new Date(now()).toDateString();

// `03:04`, with the day before it where it is another one
export const clock = (at) => today(at) ? minutes(at) : `${day(at)} ${minutes(at)}`;
// `03:04:07`, likewise
export const seconds = (at) => `${clock(at)}:${two(at.getSeconds())}`;
// `03:04:07.118`, likewise
export const exact = (at) => `${seconds(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
export const utc = (at) => at.toISOString().slice(11, 19);
export function ago(at) {
  const s = Math.max(0, Math.floor((now() - at) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min ago`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h ago`;
}

const forms = { ago, clock, seconds, exact, day };
export const say = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
// Turn every <time data-as="clock|seconds|exact|ago|day"> below `root` into the reader's time.
export function tell(root) {
  for (const time of root.querySelectorAll("time[data-as]")) say(time, forms[time.dataset.as](new Date(time.dateTime)));
}
