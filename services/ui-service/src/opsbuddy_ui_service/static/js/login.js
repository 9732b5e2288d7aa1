// The field shows what was typed when asked to, and is hidden again before it is sent, so that a browser keeps it as what it is.
const field = document.getElementById("credential"), reveal = document.getElementById("reveal");

function show(open) {
  field.type = open ? "text" : "password";
  reveal.setAttribute("aria-pressed", String(open));
}
reveal?.addEventListener("click", () => { show(reveal.getAttribute("aria-pressed") !== "true"); field.focus(); });
field?.form.addEventListener("submit", () => show(false));
