// The page's socket. Facts arrive as `pytake:<type>` on document (detail = the frame: seq, type, room, data);
// pages answer by asking for their fragments again, e.g. hx-trigger="pytake:message:new from:document".
//
// - Rooms: elements with [data-live-room="conversation:<id>"], or `pytake:send` with {action: "join_room", room}.
// - `pytake:send` (detail = frame) sends any frame. Rooms are joined again after a reconnection.
// - `pytake:resync` says that facts may have been missed and were not told one by one: ask for everything
//   again. It comes with `pytake:resync:reload`, and every 15 s while there is no socket.
// - [data-live-state] shows idle, connecting, online, reconnecting or offline.

const body = document.body.dataset;
const socketUrl = (() => {
  const url = new URL(body.wsPath || "/api/v1/ws", body.realtimeUrl || location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
})();

const rooms = new Set();
let socket = null;
let seq = Number(body.seq) || 0;
// Fragments show at least what was known when they were asked for.
let seqAtRequest = seq;
let attempts = 0;
let heardAt = 0;
let resyncing = false;

function show(state) {
  for (const element of document.querySelectorAll("[data-live-state]")) {
    if (element.dataset.liveState !== state) element.dataset.liveState = state;
  }
}
function tell(type, detail) {
  document.dispatchEvent(new CustomEvent(`pytake:${type}`, { detail }));
}
function missed(detail) {
  tell("resync:reload", detail);
  tell("resync", detail);
}
function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function declared() {
  return [...document.querySelectorAll("[data-live-room]")].map((element) => element.dataset.liveRoom).filter(Boolean);
}
function join(room, since) {
  if (!room || room.endsWith(":") || rooms.has(room)) return;
  rooms.add(room);
  send({ action: "join_room", room, since });
}
function joinDeclared() {
  for (const room of declared()) join(room, seqAtRequest);
}

function hear(frame) {
  if (frame.type === "resync:reload") {
    if (frame.data.seq) seq = frame.data.seq;
    resyncing = false;
    missed(frame);
    return;
  }
  if (frame.type === "resync:done") {
    seq = Math.max(seq, frame.data.seq);
    resyncing = false;
    if (!frame.data.replayed) return;
  }
  // Gaps are normal: other rooms have numbers, too. Until a replay is over, newer numbers must not hide
  // older ones that a broken connection would leave out.
  if (frame.seq && !resyncing) seq = Math.max(seq, frame.seq);
  tell(frame.type, frame);
}

async function address() {
  const url = new URL(socketUrl);
  if (url.host !== location.host) {
    // Elsewhere, and perhaps without our cookie: carry a ticket.
    const csrf = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] ?? "";
    const answer = await fetch("/api/v1/ws/ticket", { method: "POST", headers: { "X-CSRFToken": csrf } });
    if (!answer.ok) throw new Error(`ticket ${answer.status}`);
    url.searchParams.set("ticket", (await answer.json()).ticket);
  }
  return url;
}

async function connect() {
  if (socket) return;
  show(attempts ? "reconnecting" : "connecting");
  let opened;
  try {
    opened = new WebSocket(await address());
  } catch {
    again();
    return;
  }
  socket = opened;
  opened.addEventListener("message", (event) => {
    heardAt = Date.now();
    const frame = JSON.parse(event.data);
    if (frame.type === "connected") {
      attempts = 0;
      show("online");
      for (const room of [...rooms]) send({ action: "join_room", room });
      joinDeclared();
      resyncing = true;
      send({ action: "resync", last_seq: seq });
    } else if (frame.type === "heartbeat") {
      if (!resyncing) seq = Math.max(seq, frame.data.sent_seq);
    } else hear(frame);
  });
  opened.addEventListener("close", () => {
    if (socket !== opened) return;
    socket = null;
    resyncing = false;
    again();
  });
}
function again() {
  const wait = attempts < 5 ? Math.min(1000 * 2 ** attempts, 30000) : 30000;
  attempts += 1;
  show(navigator.onLine ? "reconnecting" : "offline");
  setTimeout(connect, wait * (0.5 + Math.random() / 2));
}
function hangUp() {
  const old = socket;
  socket = null;
  resyncing = false;
  old?.close();
}

document.addEventListener("pytake:send", (event) => {
  const frame = event.detail;
  if (frame.action === "join_room") join(frame.room, seqAtRequest);
  else {
    if (frame.action === "leave_room") rooms.delete(frame.room);
    send(frame);
  }
});
document.addEventListener("htmx:beforeRequest", () => (seqAtRequest = seq));
document.addEventListener("htmx:afterSettle", joinDeclared);
window.addEventListener("online", () => !socket && connect());
window.addEventListener("offline", () => show("offline"));
// A page that comes back from the back-forward cache has a dead socket.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && !socket) connect();
});
window.addEventListener("pagehide", hangUp);

setInterval(() => {
  // Two heartbeats missed: the connection is dead, whatever the browser thinks.
  if (socket?.readyState === WebSocket.OPEN && Date.now() - heardAt > 75000) {
    hangUp();
    again();
  }
}, 5000);
setInterval(() => {
  if (socket?.readyState !== WebSocket.OPEN && !document.hidden) missed({ type: "resync", data: { polling: true } });
}, 15000);

if (body.organization && "WebSocket" in window) connect();
