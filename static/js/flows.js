// The flow pages: line numbers and place of an error in the editor, unsaved changes, choosing what to try.

const form = document.querySelector("[data-editor]");
if (form) {
  const area = form.querySelector("textarea");
  const numbers = form.querySelector("[data-numbers]");
  let counted = 0;
  const count = () => {
    const lines = area.value.split("\n").length;
    if (lines === counted) return;
    counted = lines;
    numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
  };
  const follow = () => { numbers.scrollTop = area.scrollTop; };
  area.addEventListener("input", () => {
    count();
    // What was wrong is being corrected: the next check says whether it is.
    area.removeAttribute("aria-invalid");
    form.querySelector("#graph-errors")?.remove();
  });
  area.addEventListener("scroll", follow);
  count();

  // Two spaces instead of leaving the field; Escape, then Tab, leaves it.
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || area.readOnly) return;
    event.preventDefault();
    area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  });

  if (form.dataset.line > 0) {
    const lines = area.value.split("\n");
    const before = lines.slice(0, form.dataset.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
    const at = before + Number(form.dataset.column) - 1;
    area.focus();
    area.setSelectionRange(at, at + 1);
    area.scrollTop = Math.max(0, (form.dataset.line - 8) * parseFloat(getComputedStyle(area).lineHeight));
    follow();
  }

  const begun = area.defaultValue;
  let sending = area.hasAttribute("aria-invalid");
  const kept = sending;
  form.addEventListener("submit", () => { sending = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!sending && (kept || area.value !== begun)) event.preventDefault();
  });
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// The node where a trial stands (else the start) is kept in sight inside its own box; the page itself does not move.
function reveal(smooth) {
  const shown = document.querySelector(".flow-box:target");
  const box = document.querySelector(".try .flow-box.is-current") ?? shown ?? document.querySelector(".flow-box.is-start");
  const frame = box?.closest(".flow-scroll");
  if (!frame) return;
  const inner = box.getBoundingClientRect();
  const outer = frame.getBoundingClientRect();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  frame.scrollBy({
    left: inner.left + inner.width / 2 - outer.left - outer.width / 2,
    top: box.matches(".is-start") ? 0 : inner.top + inner.height / 2 - outer.top - outer.height / 2,
    behavior: smooth && !still ? "smooth" : "auto",
  });
}
reveal(false);
addEventListener("hashchange", () => reveal(true));
document.addEventListener("htmx:afterSettle", (event) => {
  if (!document.getElementById("stage")) return;
  reveal(true);
  const field = document.getElementById("try-text");
  if (field && event.detail.requestConfig?.elt?.matches?.("[data-try-write]")) field.focus();
});
