// The phone: one person, one business, a chat that follows the simulator's stream of events.

import { dayName, element, row } from "./bubbles.js";
import { address, call, initials, list, readable } from "./people.js";

const TYPING_MS = 25_000;
const NEAR_END_PX = 120;
const byId = (id) => document.getElementById(id);
const chat = byId("chat");
const text = byId("text");
const sheet = byId("sheet");
const state = { people: [], businesses: [], me: "", number: "", bubbles: [], unseen: new Set(), typing: 0, drafts: new Map(), generation: 0 };
let stream = null;

const on = { tap, open: openList, again };

function draw() {
  const nearEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < NEAR_END_PX;
  const rows = [];
  let previous = null;
  for (const bubble of state.bubbles) {
    const newDay = !previous || dayName(previous.at) !== dayName(bubble.at);
    if (newDay) rows.push(element("span", { className: "day", textContent: dayName(bubble.at) }));
    rows.push(row(bubble, { first: newDay || previous.side !== bubble.side, on }));
    previous = bubble;
  }
  if (!rows.length) {
    rows.push(element("div", { className: "empty" }, element("b", { textContent: "Diga oi" }), "Escreva a primeira mensagem: ela abre a conversa com a empresa."));
  }
  if (state.typing) rows.push(element("div", { className: "typing", ariaLabel: "digitando" }, element("i"), element("i"), element("i")));
  chat.replaceChildren(...rows);
  if (nearEnd) toEnd();
  showPresence();
}

function toEnd() {
  chat.scrollTop = chat.scrollHeight;
}

function showPresence() {
  const business = state.businesses.find((item) => item.id === state.number);
  byId("presence").textContent = state.typing ? "digitando…" : readable(business?.display);
}

function setTyping(active) {
  clearTimeout(state.typing);
  state.typing = active ? setTimeout(() => { setTyping(false); draw(); }, TYPING_MS) : 0;
}

function drawPeople() {
  byId("people").replaceChildren(...list(state.people, { current: state.me, unseen: state.unseen, choose }));
}

function drawHeads() {
  const me = state.people.find((person) => person.id === state.me);
  const business = state.businesses.find((item) => item.id === state.number);
  byId("me").textContent = me?.name ?? "";
  byId("me-address").textContent = me ? address(me) : "";
  byId("business-name").textContent = business?.name ?? "";
  byId("business-avatar").textContent = initials(business?.name ?? "?");
  document.title = `${me?.name ?? "Telefone"} · ${business?.name ?? ""}`;
  const select = byId("business");
  select.hidden = state.businesses.length < 2;
  select.replaceChildren(...state.businesses.map((item) => element("option", { value: item.id, textContent: item.name, selected: item.id === state.number })));
}

async function choose(id, { show = true } = {}) {
  state.drafts.set(state.me, text.value);
  state.me = id;
  state.unseen.delete(id);
  text.value = state.drafts.get(id) ?? "";
  const url = new URL(location.href);
  url.searchParams.set("as", id);
  history.replaceState(null, "", url);
  if (show) document.body.dataset.screen = "chat";
  setTyping(false);
  closeSheet();
  drawHeads();
  drawPeople();
  await load();
  toEnd();
  if (matchMedia("(min-width: 860px)").matches) text.focus();
}

async function load() {
  const generation = ++state.generation;
  const data = await call("chat", { query: { as: state.me, with: state.number } });
  if (generation !== state.generation) return;
  state.bubbles = data.bubbles;
  draw();
  markRead();
}

async function refreshPeople() {
  const data = await call("people");
  state.people = data.people;
  state.businesses = data.businesses;
  drawPeople();
  drawCodes(data.codes ?? []);
}

async function lookForCodes() {
  const data = await call("people");
  drawCodes(data.codes);
  if (data.businesses.length === state.businesses.length) return;
  state.businesses = data.businesses;
  if (!data.businesses.some((item) => item.id === state.number)) {
    state.number = data.businesses[0]?.id ?? "";
    await load();
  }
  drawHeads();
}

function drawCodes(codes) {
  const shown = JSON.stringify(codes);
  if (byId("codes").dataset.shown === shown) return;
  byId("codes").dataset.shown = shown;
  byId("codes").hidden = !codes.length;
  byId("codes-list").replaceChildren(...codes.map((code) => {
    const scan = element("button", { type: "button", className: "button", textContent: "Escanear o QR code", dataset: { testid: "scan" } });
    scan.addEventListener("click", () => pair(code.name, scan));
    return element("div", { className: "code" }, element("span", { textContent: code.pairing ? `${code.name} · ${code.pairing}` : code.name }), scan);
  }));
}

async function pair(instance, button) {
  button.disabled = true;
  try {
    const { id } = await call("pair", { body: { instance } });
    await refreshPeople();
    state.number = id;
    drawHeads();
    await load();
  } catch {
    button.disabled = false;
    await refreshPeople();
  }
}

function listen() {
  stream?.close();
  const mine = new EventSource("/_sim/phone/events");
  stream = mine;
  let lost = false;
  mine.addEventListener("open", () => {
    byId("banner").hidden = true;
    if (lost) refreshPeople().then(load).catch(() => {});
    lost = false;
  });
  mine.addEventListener("error", () => {
    lost = true;
    byId("banner").hidden = mine !== stream;
  });
  mine.addEventListener("message", (message) => mine === stream && happened(JSON.parse(message.data)));
}

function happened(event) {
  if (event.as !== state.me || event.number !== state.number) {
    elsewhere(event);
    return;
  }
  if (event.event === "typing") {
    setTyping(true);
  } else if (event.event === "bubble") {
    if (event.bubble.side === "in") setTyping(false);
    state.bubbles = state.bubbles.filter((bubble) => bubble.id !== event.bubble.id && !(bubble.local && bubble.sentAs === event.bubble.id));
    const pending = event.bubble.side === "out" && state.bubbles.findIndex((bubble) => bubble.local && !bubble.sentAs && bubble.tick === "waiting" && bubble.text === event.bubble.text);
    if (pending !== false && pending >= 0) state.bubbles.splice(pending, 1);
    state.bubbles.push(event.bubble);
    noteLast(event.bubble, state.me);
    if (event.bubble.side === "in") markRead();
  } else if (event.event === "mark") {
    const { id, event: _, number, as, ...changes } = event;
    const found = state.bubbles.find((bubble) => bubble.id === id);
    if (found) Object.assign(found, changes);
  }
  draw();
}

function elsewhere(event) {
  if (event.event !== "bubble") return;
  if (event.bubble.side === "in" && event.as !== state.me) state.unseen.add(event.as);
  noteLast(event.bubble, event.as);
}

function noteLast(bubble, id) {
  const person = state.people.find((item) => item.id === id);
  if (person && bubble.side !== "note") person.last = { text: bubble.text || bubble.media || "", at: bubble.at };
  drawPeople();
}

function markRead() {
  if (document.visibilityState === "visible" && state.bubbles.some((bubble) => bubble.side === "in")) {
    call("read", { body: { as: state.me, with: state.number } }).catch(() => {});
  }
}

async function say(body, shown) {
  const local = { id: `local-${crypto.randomUUID?.() ?? Math.random()}`, local: true, side: "out", at: Date.now() / 1000, tick: "waiting", ...shown, body };
  state.bubbles.push(local);
  draw();
  toEnd();
  try {
    const { id } = await call("say", { body: { as: state.me, with: state.number, ...body } });
    local.sentAs = id;
    if (state.bubbles.some((bubble) => bubble.id === id)) state.bubbles = state.bubbles.filter((bubble) => bubble !== local);
  } catch {
    local.tick = "failed";
  }
  draw();
}

function again(bubble) {
  state.bubbles = state.bubbles.filter((item) => item !== bubble);
  const { body, text: words, media, quote } = bubble;
  say(body, { text: words, media, quote });
}

function tap(bubble, id) {
  const options = [...(bubble.buttons ?? []), ...(bubble.cards ?? []).flatMap((card) => card.buttons), ...(bubble.list?.sections ?? []).flatMap((section) => section.rows)];
  const title = options.find((option) => option.id === id)?.title ?? "";
  closeSheet();
  say({ tap: id, of: bubble.id }, { text: title, quote: { side: "in", text: bubble.text } });
}

function openList(bubble) {
  byId("sheet-title").textContent = bubble.list.button;
  const parts = bubble.list.sections.flatMap((section) => [
    section.title ? element("h3", { textContent: section.title }) : null,
    ...section.rows.map((item) => {
      const choice = element("button", { type: "button", className: "choice", dataset: { testid: "list-row" } }, element("b", { textContent: item.title }), item.description ? element("span", { textContent: item.description }) : null);
      choice.addEventListener("click", () => tap(bubble, item.id));
      return choice;
    }),
  ]);
  byId("sheet-body").replaceChildren(...parts.filter(Boolean));
  sheet.show();
  sheet.parentElement.classList.add("veil");
  sheet.querySelector(".choice")?.focus();
}

function closeSheet() {
  sheet.close();
  sheet.parentElement.classList.remove("veil");
}

function submit() {
  const words = text.value.trim();
  if (!words) return;
  text.value = "";
  grow();
  say({ text: words }, { text: words });
}

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  text.rows = Math.min(5, text.value.split("\n").length);
}

async function addPerson(event) {
  event.preventDefault();
  const form = event.target;
  const error = form.querySelector(".form-error");
  try {
    const person = await call("people", { body: Object.fromEntries(new FormData(form)) });
    form.reset();
    form.parentElement.open = false;
    error.hidden = true;
    await refreshPeople();
    await choose(person.id);
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

byId("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
byId("attach").addEventListener("click", () => say({ type: "image" }, { media: "Foto", text: "" }));
byId("back").addEventListener("click", () => { document.body.dataset.screen = "people"; refreshPeople().catch(() => {}); });
byId("business").addEventListener("change", async (event) => { state.number = event.target.value; drawHeads(); await load(); toEnd(); });
byId("sheet-close").addEventListener("click", closeSheet);
sheet.addEventListener("keydown", (event) => { if (event.key === "Escape") { closeSheet(); text.focus(); } });
sheet.parentElement.addEventListener("click", (event) => { if (event.target === sheet.parentElement) closeSheet(); });
byId("add-person").addEventListener("submit", addPerson);
document.addEventListener("visibilitychange", markRead);

async function begin() {
  try {
    await refreshPeople();
  } catch {
    byId("banner").hidden = false;
    setTimeout(begin, 1000);
    return;
  }
  const wanted = new URL(location.href).searchParams;
  state.number = state.businesses.find((item) => item.id === wanted.get("with"))?.id ?? state.businesses[0]?.id ?? "";
  const known = state.people.some((person) => person.id === wanted.get("as"));
  const asked = wanted.get("as");
  await choose(known || asked ? asked : state.people[0]?.id ?? "").catch(() => choose(state.people[0]?.id ?? ""));
  await refreshPeople();
  drawHeads();
  listen();
  // Codes to scan come and go without anybody being written to.
  setInterval(() => document.visibilityState === "visible" && lookForCodes().catch(() => {}), 3000);
}

begin();
