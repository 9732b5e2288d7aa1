// The page of the services: fetched again whenever the stream tells of the platform, and in its address which rows are open.
import { on } from "./live.js";
import { renew } from "./morph.js";

let asking = false;
async function again() {
  if (asking || document.hidden) return;
  asking = true;
  try { await renew(document.getElementById("services-known")); } catch { /* the page says itself when nothing is heard */ }
  asking = false;
}
on("state", again);
document.addEventListener("visibilitychange", again);

document.addEventListener("click", (event) => {
  if (!event.target.closest(".opener")) return;
  setTimeout(() => { // once the row is open or closed
    const here = new URL(location.href);
    here.searchParams.delete("service");
    for (const opener of document.querySelectorAll(".opener[aria-expanded=true]")) here.searchParams.append("service", opener.textContent.trim());
    history.replaceState(history.state, "", here);
  });
});
document.querySelector(".opener[aria-expanded=true]")?.scrollIntoView({ block: "start" });
