// The list of photographs.

import { address } from "./api.js";
import { by } from "./messages.js";

const STATES = { opening: "opening…", opened: "opened", found: "damage found", clean: "nothing found", corrected: "corrected", restored: "restored", saved: "saved" };

const items = new Map(); // by the name of the photograph

// Draws the photographs. Items stay where they are, or a press would be lost that meets a change; the focus does, too,
// or goes to the item that takes the place of a closed one.
export function drawList(photographs, chosen, { pick, close }) {
  const list = by("list");
  const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
  for (const [name, item] of items) {
    if (photographs.some((each) => each.name === name)) continue;
    item.remove();
    items.delete(name);
  }
  for (const each of photographs) {
    if (!items.has(each.name)) {
      items.set(each.name, made(each, pick, close));
      list.append(items.get(each.name));
    }
    update(items.get(each.name), each, each.name === chosen);
  }
  if (focused >= 0 && !list.contains(document.activeElement)) {
    (list.children[Math.min(focused, items.size - 1)]?.querySelector(".pick") ?? by("open")).focus();
  }
  if (drawList.chosen !== chosen) items.get(chosen)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  drawList.chosen = chosen;
}

function made({ name, title }, pick, close) {
  const item = document.createElement("li");
  item.dataset.name = name;
  const own = Object.assign(document.createElement("button"), { type: "button", className: "pick" });
  own.append(Object.assign(document.createElement("img"), { alt: "", draggable: false, hidden: true }));
  const words = document.createElement("span");
  words.append(Object.assign(document.createElement("span"), { className: "title", textContent: title, title }));
  words.append(Object.assign(document.createElement("span"), { className: "state" }));
  own.append(words);
  own.addEventListener("click", () => pick(name));
  const end = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
  end.setAttribute("aria-label", `Close ${title}`);
  end.addEventListener("click", () => close(name));
  item.append(own, end);
  return item;
}

function update(item, { name, state, looks }, chosen) {
  item.classList.toggle("chosen", chosen);
  item.querySelector(".pick").setAttribute("aria-current", String(chosen));
  const text = item.querySelector(".state");
  if (text.textContent !== STATES[state]) text.textContent = STATES[state];
  const image = item.querySelector("img");
  if (looks && image.dataset.looks !== String(looks)) {
    Object.assign(image, { src: `${address(name, "/before.jpg")}?${looks}`, hidden: false });
    image.dataset.looks = looks;
  }
}
