// Keeps the figures of the home page fresh: hints arrive, the fragment asks for itself again.
let timer = 0;
async function refresh() {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
  if (answer.ok) window.htmx.swap("#day", await answer.text(), { swapStyle: "morph:outerHTML", swapDelay: 0, settleDelay: 0 });
}
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(() => {}), 1500);
}
for (const type of ["message:new", "conversation:updated", "number:health", "queue:updated", "resync:reload", "resync:done"]) {
  document.addEventListener(`pytake:${type}`, later);
}
document.dispatchEvent(new CustomEvent("pytake:send", { detail: { action: "join_room", room: `inbox:${document.body.dataset.organization}` } }));
