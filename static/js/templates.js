// The form of a template: counters at limited fields, a name that WhatsApp takes.
function count(field) {
  let hint = field.parentElement.querySelector(`[data-left-of="${field.name}"]`);
  const left = field.maxLength - [...field.value].length;
  if (!hint) {
    hint = document.createElement("span");
    hint.className = "hint";
    hint.dataset.leftOf = field.name;
    field.after(hint);
  }
  hint.textContent = left < field.maxLength / 4 ? String(left) : "";
}
document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches("[data-count]")) count(field);
  if (field.matches("[data-slug]")) {
    const slug = field.value.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9_]+/g, "_");
    if (slug !== field.value) field.value = slug;
  }
});
let changed = false;
document.addEventListener("input", (event) => { changed ||= Boolean(event.target.closest("#template-form")); });
document.addEventListener("submit", (event) => { if (event.target.id === "template-form") changed = false; });
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
