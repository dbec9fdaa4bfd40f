// Keeps waiting times and countdowns right by the server's clock, without asking it again.
const skew = Date.parse(document.body.dataset.now) - Date.now();
const now = () => Date.now() + skew;

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) {
    const minutes = Math.floor(whole / 60) % 60;
    return `${Math.floor(whole / 3600)} h${minutes ? ` ${String(minutes).padStart(2, "0")}` : ""}`;
  }
  return `${Math.floor(whole / 86400)} d`;
}

// The window: green over 4 h, amber under 4 h, red under 30 min, then closed.
function windowLevel(seconds) {
  if (seconds <= 0) return "closed";
  if (seconds < 1800) return "bad";
  return seconds < 14400 ? "warn" : "ok";
}

function tick() {
  const present = now();
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    const text = span((present - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const time of document.querySelectorAll("time[data-remaining]")) {
    const left = (Date.parse(time.dateTime) - present) / 1000;
    const text = span(left);
    if (time.textContent !== text) time.textContent = text;
    const chip = time.closest("[data-window]");
    if (!chip) continue;
    const level = windowLevel(left);
    if (chip.dataset.window !== level) {
      chip.dataset.window = level;
      if (level === "closed") chip.dispatchEvent(new CustomEvent("window-closed", { bubbles: true }));
    }
  }
}
tick();
setInterval(tick, 1000);
document.addEventListener("htmx:afterSettle", tick);
document.addEventListener("morphed", tick);
