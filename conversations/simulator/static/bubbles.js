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
  place: "M12 21s-6.5-5.6-6.5-11a6.5 6.5 0 0113 0c0 5.4-6.5 11-6.5 11zM12 12.2a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.4z",
  person: "M12 11.5a3.8 3.8 0 100-7.6 3.8 3.8 0 000 7.6zM4.8 20.5a7.2 7.2 0 0114.4 0",
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

const web = (address) => /^https?:\/\//.test(address ?? "");
const NAMES = { image: "Foto", video: "Vídeo", audio: "Áudio", document: "Documento", sticker: "Figurinha" };

// A file of the business: shown when the simulator has it, named when it lies elsewhere.
function attached(file) {
  const name = file.name || NAMES[file.kind] || "Arquivo";
  const address = file.id ? `/_sim/phone/media?id=${encodeURIComponent(file.id)}` : "";
  const broken = () => element("div", { className: "media" }, icon("file"), name);
  if (!address) {
    const link = web(file.link) ? element("a", { href: file.link, target: "_blank", rel: "noopener noreferrer", textContent: name }) : name;
    return element("div", { className: "media" }, icon("file"), link);
  }
  let made;
  if (file.kind === "image" || file.kind === "sticker") made = element("img", { className: `picture is-${file.kind}`, src: address, alt: name });
  else if (file.kind === "video") made = element("video", { className: "picture", src: address, controls: true, preload: "metadata" });
  else if (file.kind === "audio") made = element("audio", { className: "sound", src: address, controls: true, preload: "metadata", ariaLabel: file.voice ? "Mensagem de voz" : name });
  else return element("a", { className: "media", href: address, download: name }, icon("file"), name);
  made.addEventListener("error", () => made.replaceWith(broken()), { once: true });
  return made;
}

function place({ latitude, longitude, name, address }) {
  const href = `https://www.google.com/maps/search/?api=1&query=${encodeURIComponent(`${latitude},${longitude}`)}`;
  const words = element("span", {}, element("b", { textContent: name || "Localização" }), element("small", { textContent: address || `${latitude}, ${longitude}` }));
  return element("a", { className: "media", href, target: "_blank", rel: "noopener noreferrer" }, icon("place"), words);
}

function person({ name, phones }) {
  const words = element("span", {}, element("b", { textContent: name }), element("small", { textContent: phones.join(", ") }));
  return element("div", { className: "media" }, icon("person"), words);
}

function pieces(bubble) {
  if (bubble.file) return [attached(bubble.file)];
  if (bubble.place) return [place(bubble.place)];
  if (bubble.people) return bubble.people.map(person);
  return bubble.media ? [element("div", { className: "media" }, icon("file"), bubble.media)] : [];
}

// The text of a place or a card is in its piece already.
const words = (bubble) => (bubble.place || bubble.people ? "" : bubble.text);

function cards(bubble, on) {
  if (!bubble.cards?.length) return null;
  return element("div", { className: "cards" }, ...bubble.cards.map((card) =>
    element("div", { className: "card" }, ...pieces(card), card.text ? element("div", { className: "text", textContent: card.text }) : null, actions({ ...card, id: bubble.id }, on))));
}

function inside(bubble) {
  const parts = [];
  if (bubble.quote) parts.push(quote(bubble.quote));
  if (bubble.header) parts.push(element("span", { className: "head", textContent: bubble.header }));
  parts.push(...pieces(bubble));
  if (words(bubble)) parts.push(element("div", { className: "text" }, ...formatted(words(bubble))));
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
  for (const { url, title } of [...(bubble.link ? [bubble.link] : []), ...(bubble.links ?? [])]) {
    if (web(url)) made.push(element("a", { href: url, target: "_blank", rel: "noopener noreferrer", className: "action" }, icon("link"), title));
    else if (!url) made.push(element("span", { className: "action" }, title));
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
  return element("div", { className, dataset: { id: bubble.id } }, body, reaction, outgoing ? null : actions(bubble, on), cards(bubble, on), problem(bubble, on));
}
