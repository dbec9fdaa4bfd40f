// What every page does: theme, menus, dialogs, toasts, running times, going places by keyboard.
// Modules don't import one another (hashed names would load them twice): what others need is window.pytake.

const root = document.documentElement;

// --- Theme: kept in a cookie, so that the server paints the right one and nothing flashes.
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (!choice) return;
  const theme = choice.dataset.themeChoice;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax`;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button === choice));
  }
  const menu = choice.closest("details");
  const icon = choice.querySelector("use").getAttribute("href");
  menu.querySelector("summary use").setAttribute("href", icon);
  menu.open = false;
});

// --- Menus are <details>: one open at a time, closed by Escape and by a click elsewhere.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details[data-menu][open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// --- Dialogs
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-sheet]");
  if (opener) document.getElementById(opener.dataset.openSheet)?.showModal();
  if (event.target.closest("[data-close-sheet]")) event.target.closest("dialog").close();
  if (event.target.matches?.("dialog.sheet")) event.target.close();
});

// --- Toasts: `HX-Trigger: {"toast": {"text": …, "level": "error"}}` or toast(text, level)
function toast(text, level = "ok", undo = null) {
  const piece = document.getElementById("toast-template").content.cloneNode(true);
  const box = piece.querySelector(".toast");
  box.classList.toggle("is-bad", level === "error");
  box.querySelector("[data-text]").textContent = text;
  if (undo) {
    const button = box.querySelector("[data-undo]");
    button.hidden = false;
    button.textContent = undo.label;
    button.addEventListener("click", () => {
      box.remove();
      window.htmx.ajax("POST", undo.url, { target: "#thread", swap: "outerHTML" });
    });
  }
  // The newest replaces what was said before, save what can still be undone.
  for (const old of document.querySelectorAll("#toasts > .toast")) if (old.querySelector("[data-undo]:not([hidden])") === null) old.remove();
  document.getElementById("toasts").append(piece);
  setTimeout(() => box.remove(), level === "error" ? 10000 : undo ? 8000 : 5000);
}
document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".toast").remove());
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.level, event.detail.undo));
for (const shown of document.querySelectorAll("#toasts > .toast")) {
  setTimeout(() => shown.remove(), shown.classList.contains("is-bad") ? 10000 : 5000);
}
document.addEventListener("htmx:responseError", (event) => {
  if (event.target.closest?.("[data-session]")) return;
  const id = event.detail.xhr.getResponseHeader("X-Request-Id") ?? "";
  toast(`${event.detail.xhr.status} ${id}`.trim(), "error");
});

// --- Fragments that a page fetched by itself: changed in place, so that focus, scroll and menus stay.
function morph(id, html) {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  const present = document.getElementById(id);
  if (!next || !present) return;
  window.Idiomorph.morph(present, next, { morphStyle: "outerHTML", ignoreActiveValue: true });
  window.htmx.process(document.getElementById(id));
  document.dispatchEvent(new CustomEvent("morphed", { detail: { id } }));
}

// --- Keys. No Alt or AltGr; nothing while a field has the focus.
function inField(target) {
  return Boolean(target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]"));
}
const PLACES = { h: "/", i: "/inbox/", f: "/flows/", c: "/inbox/contacts/" };
let goingSince = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (inField(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (Date.now() - goingSince < 1200 && PLACES[event.key]) {
    goingSince = 0;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(PLACES[event.key]);
  } else if (event.key === "g") {
    goingSince = Date.now();
  } else if (event.key === "?") {
    document.getElementById("keys-sheet")?.showModal();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});

window.pytake = { toast, morph, inField };
