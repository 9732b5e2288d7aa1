// Puts fresh HTML in the place of old: what is there stays there, so that focus, selection, open cards and typed words survive an update.
import { piece } from "./calls.js";
import { tell } from "./clock.js";

export function morph(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  tell(template.content);
  return htmx.swap({ target: element, text: template.innerHTML, swap: "outerMorph", sourceElement: element });
}
// What the server sends by htmx gets the reader's times before it is shown.
document.addEventListener("htmx:before:swap", ({ detail }) => { for (const task of detail.tasks) if (task.fragment) tell(task.fragment); });
// Fetch a panel again from its own address and put it in the place of the old one.
export async function renew(panel) {
  const { ok, text } = await piece(panel.dataset.panel);
  if (ok) await morph(panel, text);
}
// Fetch a panel again and put it in as new: what was typed in it goes. Returns the new one.
export async function anew(panel) {
  const { text } = await piece(panel.dataset.panel);
  const template = document.createElement("template");
  template.innerHTML = text;
  tell(template.content);
  const fresh = template.content.firstElementChild;
  panel.replaceWith(fresh);
  htmx.process(fresh);
  return fresh;
}
