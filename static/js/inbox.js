// The inbox: live panes, optimistic replies, drafts, keys. Without it every link and form still works.
const { inField, morph, toast } = window.pytake;

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const words = $("#inbox-words").dataset;
const thread = () => $("#thread");
const timeline = () => $("#timeline");
const openId = () => thread()?.dataset.conversation ?? "";
const user = document.body.dataset.user;

function later(wait, act) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

// --- Scrolling: a thread opens at its end and stays there, unless the person scrolled up to read.
let stuck = true;
const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;
const toEnd = () => {
  const box = timeline();
  if (box) box.scrollTop = box.scrollHeight;
  $("#newer")?.setAttribute("hidden", "");
};
document.addEventListener("scroll", (event) => {
  if (event.target.id !== "timeline") return;
  stuck = atEnd(event.target);
  if (stuck) $("#newer")?.setAttribute("hidden", "");
}, true);
document.addEventListener("click", (event) => event.target.closest("#newer") && toEnd());
window.addEventListener("resize", () => stuck && toEnd());
// Pictures have no height before they are there.
document.addEventListener("load", (event) => stuck && event.target.closest?.("#timeline") && toEnd(), true);

// --- Opening a thread
let shown = "";
const answering = { conversation: "", message: "", text: "", files: [] };
function opened() {
  const id = openId();
  for (const link of $$(".conv")) {
    if (link.dataset.id === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (id !== shown) {
    if (shown) tell("leave_room", `conversation:${shown}`);
    if (id) tell("join_room", `conversation:${id}`);
    shown = id;
    stuck = true;
  }
  if (stuck) toEnd();
  restoreDrafts();
  if (answering.conversation !== id) Object.assign(answering, { conversation: id, message: "", text: "", files: [] });
  showAnswering();
  if (id && Number(thread().dataset.unread) > 0) {
    thread().dataset.unread = 0;
    const row = document.getElementById(`c-${id}`);
    row?.querySelector(".conv-text .count")?.remove();
    row?.firstElementChild.classList.remove("is-unread");
    post(`/inbox/${id}/read/`).catch(() => {});
  }
}
function tell(action, room) {
  document.dispatchEvent(new CustomEvent("pytake:send", { detail: { action, room } }));
}
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const post = (url, body) => fetch(url, { method: "POST", body, headers: { "X-CSRFToken": csrf(), "HX-Request": "true", "HX-Target": "thread" } });

document.addEventListener("htmx:afterSwap", (event) => {
  const id = event.detail.target?.id;
  if (id === "thread") opened();
  if (id === "rows" || id === "more") opened();
  if (id === "older") joinDays();
});
let heightBefore = 0;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id === "older") heightBefore = timeline().scrollHeight - timeline().scrollTop;
});
function joinDays() {
  let last = "";
  for (const day of $$(".day[data-day]", timeline())) {
    if (day.dataset.day === last) day.remove();
    else last = day.dataset.day;
  }
  timeline().scrollTop = timeline().scrollHeight - heightBefore;
}

// --- Live: hints arrive, the pane asks for itself again and is morphed in place.
function swapThread(html) {
  const before = new Set($$(".bubble.in", timeline()).map((bubble) => bubble.id));
  const keep = stuck;
  // Bubbles on their way would be changed into others.
  for (const bubble of pending.values()) bubble.remove();
  morph("thread", html);
  for (const [key, bubble] of pending) {
    if ($(`[data-client-key="${key}"]`)) forget(key);
    else timeline()?.append(bubble);
  }
  opened();
  if (keep) return toEnd();
  const fresh = $$(".bubble.in", timeline()).filter((bubble) => !before.has(bubble.id)).length;
  if (fresh) {
    const chip = $("#newer");
    chip.hidden = false;
    $("span", chip).textContent = `${fresh} ${fresh === 1 ? words.newerOne : words.newer}`;
  }
}
async function fetchThread() {
  const id = openId();
  if (!id || new URLSearchParams(location.search).has("before")) return;
  const address = new URL(location.href);
  address.searchParams.set("c", id);
  address.searchParams.set("live", "1");
  const first = $("[data-first]", timeline())?.dataset.first;
  if (first) address.searchParams.set("from", first);
  const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Target": "thread" } });
  if (answer.ok && openId() === id) swapThread(await answer.text());
  const session = $("[data-session]");
  if (session) window.htmx.trigger(session, "refresh-session");
}
const refreshThread = later(120, () => fetchThread().catch(() => {}));

let overList = false;
document.addEventListener("pointerover", (event) => (overList = Boolean(event.target.closest?.("#list"))));
let waitingRows = "";
function swapRows(html) {
  waitingRows = "";
  const scroll = $("#list").scrollTop;
  morph("rows", html);
  $("#list").scrollTop = scroll;
  opened();
}
async function fetchRows() {
  const address = new URL(location.href);
  address.searchParams.delete("cursor");
  address.searchParams.set("n", $$("#list > li[id^=c-]").length);
  const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Target": "rows" } });
  if (!answer.ok) return;
  const html = await answer.text();
  const list = $("#list");
  const quiet = !overList && list.scrollTop === 0 && !list.contains(document.activeElement) && !$("#rows").contains(document.activeElement);
  if (quiet) return swapRows(html);
  // Somebody points at the list: rows that are there change in place, others wait for a click.
  const next = new DOMParser().parseFromString(html, "text/html");
  for (const row of $$("#list > li[id^=c-]")) {
    const changed = next.getElementById(row.id);
    if (changed && changed.innerHTML !== row.innerHTML) {
      window.Idiomorph.morph(row, changed.outerHTML);
      window.htmx.process(row);
    }
  }
  const fresh = $$("#list > li[id^=c-]", next).filter((row) => !document.getElementById(row.id)).length;
  waitingRows = html;
  const chip = $("#fresh");
  chip.hidden = !fresh;
  $("span", chip).textContent = `${fresh} ${fresh === 1 ? chip.dataset.one : chip.dataset.many}`;
}
const refreshRows = later(400, () => fetchRows().catch(() => {}));
document.addEventListener("click", (event) => event.target.closest("#fresh") && waitingRows && swapRows(waitingRows));
document.addEventListener("inbox:refresh", refreshRows);
document.addEventListener("template:sent", () => document.getElementById("template-sheet")?.close());
document.addEventListener("inbox:reread", () => refreshThread());
document.addEventListener("window-closed", (event) => event.target.closest("#thread") && refreshThread());

const fact = (event) => event.detail?.data ?? event.detail ?? {};
for (const type of ["message:new", "message:status", "conversation:updated"]) {
  document.addEventListener(`pytake:${type}`, (event) => {
    if (fact(event).conversation_id === openId() || !fact(event).conversation_id) refreshThread();
    if (type !== "message:status") refreshRows();
  });
}
for (const type of ["resync:reload", "resync:done", "reconnected"]) {
  document.addEventListener(`pytake:${type}`, () => {
    refreshThread();
    refreshRows();
  });
}

// --- Drafts: one per conversation and kind, in this browser.
const draftKey = (field) => `pytake:${user}:${openId()}:${field.dataset.draft}`;
function restoreDrafts() {
  for (const field of $$("[data-draft]")) {
    if (!field.value) field.value = localStorage.getItem(draftKey(field)) ?? "";
    measure(field);
  }
}
function measure(field) {
  const left = field.maxLength - field.value.length;
  $("[data-left]", field.form).textContent = left < 200 ? left : "";
}
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-draft]");
  if (!field) return;
  if (field.value) localStorage.setItem(draftKey(field), field.value);
  else localStorage.removeItem(draftKey(field));
  measure(field);
});

// --- What goes with a reply: the message that it answers, files.
const SIZE_MAX = 100 * 1024 * 1024;
const TYPING_EVERY = 20_000;
function showAnswering() {
  const form = $(".write-reply");
  if (!form) return;
  form.elements.reply_to.value = answering.message;
  $("[data-quoted]", form).hidden = !answering.message;
  $("[data-quoted-text]", form).textContent = answering.text;
  const tray = $("[data-tray]", form);
  tray.hidden = !answering.files.length;
  tray.replaceChildren(...answering.files.map((one) => one.row));
}
function quote(bubble) {
  answering.message = bubble.id.replace(/^m-/, "");
  const said = $(".bubble-text, .bubble-file b, .bubble-name", bubble)?.textContent ?? $("img", bubble)?.alt ?? "";
  answering.text = said.trim().slice(0, 160);
  showAnswering();
  setMode("reply");
}
function unquote() {
  Object.assign(answering, { message: "", text: "" });
  showAnswering();
}
const sizes = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const size = (bytes) => (bytes < 1e6 ? `${sizes.format(bytes / 1024)} KB` : `${sizes.format(bytes / 1024 / 1024)} MB`);
function attach(files) {
  for (const file of files) {
    if (file.size > SIZE_MAX) {
      toast(words.tooLarge, "error");
      continue;
    }
    const row = $("#attached-template").content.cloneNode(true).firstElementChild;
    const one = { file, row, picture: "" };
    $("b", row).textContent = file.name;
    $("small", row).textContent = size(file.size);
    $("[data-detach]", row).addEventListener("click", () => {
      answering.files = answering.files.filter((other) => other !== one);
      showAnswering();
    });
    if (/^image\/(png|jpeg|webp)$/.test(file.type) && file.size < 6e6) {
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        one.picture = reader.result;
        const picture = $("img", row);
        picture.src = one.picture;
        picture.hidden = false;
        $(".icon", row).setAttribute("hidden", "");
      });
      reader.readAsDataURL(file);
    }
    answering.files.push(one);
  }
  setMode("reply");
  showAnswering();
}
document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-attach]");
  if (!field) return;
  attach([...field.files]);
  field.value = "";
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || !event.target.closest?.("[data-draft=reply]")) return;
  event.preventDefault();
  attach(files);
});
const overThread = (event) => event.target.closest?.("#thread") && $(".write-reply") && [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragover", (event) => overThread(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!overThread(event)) return;
  event.preventDefault();
  attach([...event.dataTransfer.files]);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-unquote]")) unquote();
  const bubble = event.target.closest("[data-quote]")?.closest(".bubble");
  if (bubble) quote(bubble);
});
let typedAt = 0;
document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-draft=reply]") || Date.now() - typedAt < TYPING_EVERY) return;
  typedAt = Date.now();
  post(`/inbox/${openId()}/typing/`).catch(() => {});
});

// --- Writing: the bubble appears at once; the server's own takes its place.
const pending = new Map();
const forget = (key) => {
  pending.get(key)?.remove();
  pending.delete(key);
};
function setMode(mode) {
  const composer = $("#composer");
  if (!composer || (mode === "reply" && !$(".write-reply", composer))) return;
  composer.dataset.mode = mode;
  for (const tab of $$("[data-mode-choice]", composer)) tab.setAttribute("aria-pressed", String(tab.dataset.modeChoice === mode));
  $(`.write-${mode} textarea`, composer)?.focus();
}
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-mode-choice]");
  if (choice) setMode(choice.dataset.modeChoice);
  const edit = event.target.closest("[data-edit-text]");
  if (edit) fill("reply", edit.dataset.editText);
});
function fill(mode, text) {
  setMode(mode);
  const field = $(`.write-${mode} textarea`);
  if (!field) return;
  field.value = field.value ? `${field.value}\n${text}` : text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-write]");
  if (!form) return;
  event.preventDefault();
  const field = $("textarea", form);
  const text = field.value.trim();
  const isReply = form.dataset.write === "reply";
  const files = isReply ? answering.files : [];
  if (!text && !files.length) return;
  const first = { text, file: files[0], replyTo: isReply ? answering.message : "", quoted: isReply ? answering.text : "" };
  const jobs = [first, ...files.slice(1).map((file) => ({ text: "", file, replyTo: "", quoted: "" }))];
  if (isReply) {
    answering.files = [];
    unquote();
  }
  localStorage.removeItem(draftKey(field));
  field.value = "";
  measure(field);
  let before = Promise.resolve();
  for (const one of jobs) {
    const job = begin({ ...one, url: form.action, mode: form.dataset.write, conversation: openId() });
    // In order: a picture that was chosen first arrives first.
    before = before.then(() => send(job));
  }
});
function begin(job) {
  job.key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  job.bubble = $("#pending-template").content.cloneNode(true).firstElementChild;
  $("[data-text]", job.bubble).textContent = job.text;
  if (job.quoted) {
    $("[data-quote-line]", job.bubble).textContent = job.quoted;
    $("[data-quote-line]", job.bubble).hidden = false;
  }
  if (job.file) {
    $("[data-file-line] b", job.bubble).textContent = job.file.file.name;
    $("[data-file-line]", job.bubble).hidden = false;
  }
  if (job.mode === "note") job.bubble.className = "bubble note is-pending";
  pending.set(job.key, job.bubble);
  timeline().append(job.bubble);
  toEnd();
  job.bubble.addEventListener("click", (click) => {
    if (click.target.closest("[data-again]")) send(job);
    if (click.target.closest("[data-edit]")) {
      forget(job.key);
      fill(job.mode, job.text);
      if (job.file) attach([job.file.file]);
    }
  });
  return job;
}
async function send(job) {
  job.bubble.classList.remove("is-failed");
  $("[data-file-line] small", job.bubble).hidden = false;
  $(".bubble-problem", job.bubble).hidden = true;
  const body = new FormData();
  body.set("text", job.text);
  body.set("client_key", job.key);
  if (job.replyTo) body.set("reply_to", job.replyTo);
  if (job.file) body.set("file", job.file.file);
  let reason = words.lost;
  try {
    const answer = await post(job.url, body);
    if (answer.ok) {
      const html = await answer.text();
      forget(job.key);
      if (openId() === job.conversation) {
        stuck = true;
        swapThread(html);
      }
      return refreshRows();
    }
    reason = said(answer) ?? words.refused;
    if (answer.status === 409) refreshThread();
  } catch {
    // The connection failed: the reason is set already.
  }
  job.bubble.classList.add("is-failed");
  $("[data-file-line] small", job.bubble).hidden = true;
  $("[data-reason]", job.bubble).textContent = reason;
  $(".bubble-problem", job.bubble).hidden = false;
  if (stuck) toEnd();
  if (openId() !== job.conversation) toast(reason, "error");
}
function said(answer) {
  try {
    return JSON.parse(answer.headers.get("HX-Trigger")).toast.text;
  } catch {
    return null;
  }
}

// --- Keys
let pointed = null;
document.addEventListener("pointerover", (event) => (pointed = event.target.closest?.(".bubble") ?? null));
const rows = () => $$("#list .conv");
function move(step) {
  const all = rows();
  const from = all.findIndex((row) => row === document.activeElement) ;
  const start = from >= 0 ? from : all.findIndex((row) => row.hasAttribute("aria-current"));
  const next = all[Math.min(Math.max(start + step, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
const press = (verb) => $(`#thread [data-verb="${verb}"]`)?.click();
// Other fragments settle meanwhile (the flow's session in the panel): wait for the answer to the act itself.
let awaited = null;
const afterAct = (verb, then) => (awaited = { path: `/${verb}/`, then });
document.addEventListener("htmx:afterSettle", (event) => {
  if (!awaited || !event.detail.requestConfig?.path.includes(awaited.path)) return;
  const { then } = awaited;
  awaited = null;
  then();
});
document.addEventListener("htmx:responseError", () => (awaited = null));
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("[data-draft]");
  if (field && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    field.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target) || $("dialog[open]")) return;
  const acts = {
    j: () => move(1),
    k: () => move(-1),
    r: () => {
      const bubble = document.activeElement?.closest?.(".bubble") ?? pointed;
      if (bubble?.isConnected && $("[data-quote]", bubble)) quote(bubble);
      else setMode("reply");
    },
    n: () => setMode("note"),
    a: () => press("take"),
    e: () => press("resolve"),
    t: () => $("#transfer-sheet")?.showModal(),
    E: () => {
      const all = rows();
      const here = all.findIndex((row) => row.hasAttribute("aria-current"));
      const next = all[here + 1] ?? all[here - 1];
      press("resolve");
      if (next) afterAct("resolve", () => next.click());
    },
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

tell("join_room", `inbox:${document.body.dataset.organization ?? ""}`);
opened();
toEnd();
