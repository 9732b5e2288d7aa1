// Compares two texts by line.
const MOST = 4_000_000; // pairs of lines that are looked at

// Return [mark, line] with mark "same", "gone" or "new"; null when the texts are too long to compare here.
export function compare(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < before.length - start && tail < after.length - start && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const a = before.slice(start, before.length - tail), b = after.slice(start, after.length - tail);
  if (a.length * b.length > MOST) return null;
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1)); // longest common part of what follows
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const lines = before.slice(0, start).map((line) => ["same", line]);
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { lines.push(["same", a[i]]); i += 1; j += 1; }
    else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) { lines.push(["gone", a[i]]); i += 1; }
    else { lines.push(["new", b[j]]); j += 1; }
  }
  return lines.concat(before.slice(before.length - tail).map((line) => ["same", line]));
}

// Return the list that shows what differs; without what is the same.
export function shown(lines) {
  const list = document.createElement("ol");
  list.className = "diff";
  for (const [mark, line] of lines.filter(([each]) => each !== "same")) {
    const item = list.appendChild(document.createElement("li"));
    item.className = mark;
    const sign = item.appendChild(document.createElement("span"));
    sign.ariaHidden = "true";
    sign.textContent = mark === "gone" ? "\u2212" : "+";
    item.appendChild(document.createElement(mark === "gone" ? "del" : "ins")).textContent = line;
  }
  return list;
}
