// Keeps the figures of the home page fresh: hints arrive, the fragment asks for itself again.
const { morph } = window.pytake;

let timer = 0;
async function refresh() {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
  if (answer.ok) morph("day", await answer.text());
}
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(() => {}), 1500);
}
for (const type of ["message:new", "conversation:updated", "number:health", "queue:updated", "resync:reload", "resync:done"]) {
  document.addEventListener(`pytake:${type}`, later);
}
document.dispatchEvent(new CustomEvent("pytake:send", { detail: { action: "join_room", room: `inbox:${document.body.dataset.organization}` } }));
