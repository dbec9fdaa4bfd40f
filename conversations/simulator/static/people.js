// The people who can hold the phone, and the calls to the simulator.

import { element } from "./bubbles.js";

export async function call(action, { query, body } = {}) {
  const address = `/_sim/phone/${action}${query ? `?${new URLSearchParams(query)}` : ""}`;
  const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const response = await fetch(address, options);
  const data = await response.json();
  if (!response.ok) throw new Error(data.error ?? `HTTP ${response.status}`);
  return data;
}

export function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}

export function address(person) {
  if (person.username) return `@${person.username}${person.hidden ? " · sem telefone" : ""}`;
  return readable(person.phone);
}

export function readable(digits) {
  const found = /^55(\d\d)(9?\d{4})(\d{4})$/.exec(digits ?? "");
  return found ? `+55 ${found[1]} ${found[2]}-${found[3]}` : digits ? `+${digits}` : "";
}

const plain = (text) => (text ?? "").replace(/[*_~`]([^*_~`\n]+)[*_~`]/g, "$1");

function tone(id) {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 7) % 5;
}

export function list(people, { current, unseen, choose }) {
  return people.map((person) => {
    const avatar = element("span", { className: "avatar", textContent: initials(person.name), ariaHidden: "true", dataset: { tone: tone(person.id) } });
    const main = element("span", { className: "person-main" }, element("b", { textContent: person.name }), element("span", { textContent: plain(person.last?.text) || address(person) }));
    const news = unseen.has(person.id) ? element("span", { className: "news", title: "Novas mensagens" }) : null;
    const button = element("button", { type: "button", className: "person", dataset: { testid: "persona", persona: person.id } }, avatar, main, news);
    if (person.id === current) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(person.id));
    return element("li", {}, button);
  });
}
