// Bubbles as elements. Texts become text nodes: nothing that a business sends is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";
const TICKS = {
  waiting: { path: "M4 6.5l3.2 3.2L14 3", label: "Enviada" },
  refused: { path: "M4 6.5l3.2 3.2L14 3", label: "Enviada; a empresa ainda não recebeu" },
  delivered: { path: "M1 6.5l3.2 3.2L11 3M8.4 9.2l.5.5L15.6 3", label: "Recebida" },
  read: { path: "M1 6.5l3.2 3.2L11 3M8.4 9.2l.5.5L15.6 3", label: "Lida" },
};
const ICONS = {
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  reply: "M10 8L5 12.5 10 17M5.5 12.5H14a5 5 0 015 5V18",
  link: "M14 5h5v5M19 5l-8 8M11 6H6.5A1.5 1.5 0 005 7.5v10A1.5 1.5 0 006.5 19h10a1.5 1.5 0 001.5-1.5V13",
  file: "M7 3.5h7l4 4v13H7zM14 3.5v4h4",
};
const MARKS = /(\*[^*\n]+\*|_[^_\n]+_|~[^~\n]+~|`[^`\n]+`|https?:\/\/[^\s<>"']+)/g;
const TAGS = { "*": "strong", _: "em", "~": "s", "`": "code" };
const clock = new Intl.DateTimeFormat("pt-BR", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("pt-BR", { weekday: "long", day: "numeric", month: "long" });

export function element(tag, properties = {}, ...children) {
  const { dataset = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function drawing(className, viewBox, path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const icon = (name) => drawing("icon", "0 0 24 24", ICONS[name]);

export function formatted(text) {
  return String(text)
    .split(MARKS)
    .filter(Boolean)
    .map((part) => {
      if (/^https?:\/\//.test(part)) {
        return element("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part });
      }
      const tag = part.length > 2 && part[0] === part.at(-1) ? TAGS[part[0]] : undefined;
      return tag ? element(tag, { textContent: part.slice(1, -1) }) : document.createTextNode(part);
    });
}

export function tick(state) {
  const { path, label } = TICKS[state] ?? TICKS.waiting;
  const holder = element("span", { className: "tick-holder", title: label, role: "img", ariaLabel: label });
  holder.append(drawing(state === "read" ? "tick is-read" : "tick", "0 0 20 12", path));
  return holder;
}

export const time = (at) => clock.format(new Date(at * 1000));

export function dayName(at) {
  const date = new Date(at * 1000);
  const today = new Date();
  if (date.toDateString() === today.toDateString()) return "Hoje";
  today.setDate(today.getDate() - 1);
  return date.toDateString() === today.toDateString() ? "Ontem" : day.format(date);
}

function quote(data) {
  const who = data.side === "out" ? "Você" : "Empresa";
  return element("div", { className: "quote" }, element("b", { textContent: who }), element("span", { textContent: data.text.replace(/[*_~`]([^*_~`\n]+)[*_~`]/g, "$1") }));
}

function inside(bubble) {
  const parts = [];
  if (bubble.quote) parts.push(quote(bubble.quote));
  if (bubble.header) parts.push(element("span", { className: "head", textContent: bubble.header }));
  if (bubble.media) parts.push(element("div", { className: "media" }, icon("file"), bubble.media));
  if (bubble.text) parts.push(element("div", { className: "text" }, ...formatted(bubble.text)));
  if (bubble.footer) parts.push(element("span", { className: "foot", textContent: bubble.footer }));
  return parts;
}

function actions(bubble, on) {
  const made = (bubble.buttons ?? []).map((button) => {
    const press = element("button", { type: "button", className: "action", dataset: { testid: "reply-button" } }, icon("reply"), button.title);
    press.addEventListener("click", () => on.tap(bubble, button.id));
    return press;
  });
  if (bubble.list) {
    const open = element("button", { type: "button", className: "action", dataset: { testid: "open-list" } }, icon("list"), bubble.list.button);
    open.addEventListener("click", () => on.open(bubble));
    made.push(open);
  }
  if (bubble.link && /^https?:\/\//.test(bubble.link.url)) {
    const { url, title } = bubble.link;
    made.push(element("a", { href: url, target: "_blank", rel: "noopener noreferrer", className: "action" }, icon("link"), title));
  }
  return made.length ? element("div", { className: "actions" }, ...made) : null;
}

function problem(bubble, on) {
  if (bubble.tick === "refused") {
    return element("p", { className: "problem" }, "A empresa ainda não recebeu. Tentando de novo…");
  }
  if (bubble.tick !== "failed") return null;
  const again = element("button", { type: "button", textContent: "Tentar de novo" });
  again.addEventListener("click", () => on.again(bubble));
  return element("p", { className: "problem" }, "Não foi enviada. ", again);
}

export function row(bubble, { first, on }) {
  if (bubble.side === "note") {
    const text = `Uma mensagem da empresa não chegou (${bubble.code}): ${bubble.text}`;
    return element("p", { className: "note", textContent: text, dataset: { id: bubble.id } });
  }
  const outgoing = bubble.side === "out";
  const meta = element("span", { className: "meta" }, time(bubble.at));
  if (outgoing && bubble.tick !== "failed") meta.append(tick(bubble.tick));
  const body = element("div", { className: "bubble", dataset: { testid: outgoing ? "bubble-out" : "bubble-in", tick: bubble.tick ?? "" } }, ...inside(bubble), meta);
  const className = `row ${outgoing ? "is-out" : "is-in"} ${first ? "is-first" : ""}`;
  const reaction = bubble.reaction ? element("span", { className: "reaction", textContent: bubble.reaction }) : null;
  return element("div", { className, dataset: { id: bubble.id } }, body, reaction, outgoing ? null : actions(bubble, on), problem(bubble, on));
}
