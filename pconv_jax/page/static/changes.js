// What a person changes in what is marked: choices, strokes, masks; undo and redo.

import * as api from "./api.js";
import { choices, count, maskPicture, more, steps, take } from "./controls.js";
import { desk, view } from "./desk.js";
import { show } from "./looks.js";
import { by, doing, trying } from "./messages.js";
import { refresh } from "./photographs.js";

let sending = Promise.resolve(); // changes go one after the other

// Until the server has all changes.
export function sent() {
  if (chosen.timer) send(desk.chosen);
  return sending;
}

// Something new is done: redo begins anew.
export function add(made) {
  desk.redo = [];
  edit([...view.edits, made]);
}

function edit(edits) {
  view.edits = edits;
  by("restore").disabled = false; // before the server knows
  view.draw();
  steps();
  send(desk.chosen);
}

function send(name) {
  clearTimeout(chosen.timer);
  chosen.timer = 0;
  desk.changing += 1;
  sending = sending.then(() => trying(async () => {
    try {
      if (desk.chosen !== name) return;
      const values = { sensitivity: Number(by("sensitivity").value), tones: by("tones").value, dilate: Number(by("dilate").value) };
      const changed = await api.change(name, { ...values, revision: view.revision, edits: view.edits });
      view.revision = changed.revision;
    } catch (error) {
      take((await api.state()).photographs.find((each) => each.name === name));
      throw error;
    } finally {
      desk.changing -= 1;
    }
    await refresh();
    await count();
  }));
}

function undo() {
  if (!view.edits.length) return;
  desk.redo.push(view.edits[view.edits.length - 1]);
  edit(view.edits.slice(0, -1));
}

function again() {
  if (desk.redo.length) edit([...view.edits, desk.redo.pop()]);
}

function chosen(pause) {
  choices();
  by("restore").disabled = false;
  show("marked");
  clearTimeout(chosen.timer);
  chosen.timer = setTimeout(send, pause, desk.chosen);
}

async function loadMask(file) {
  const { mask } = await api.loadMask(desk.chosen, file);
  await maskPicture(mask);
  show("marked");
  add({ kind: "mask", mask });
}

for (const id of ["sensitivity", "dilate"]) by(id).addEventListener("input", () => chosen(120));
by("tones").addEventListener("change", () => chosen(0));
by("more").addEventListener("click", () => { by("sensitivity").value = more(); chosen(0); });
by("widen").addEventListener("click", () => { by("dilate").stepUp(); chosen(0); });
by("linear").addEventListener("change", (event) => doing(async () => {
  await sent();
  await api.takeFor(desk.chosen, event.target.checked);
  await refresh();
}));
by("undo").addEventListener("click", undo);
by("redo").addEventListener("click", again);
by("clear").addEventListener("click", () => { show("marked"); add({ kind: "clear" }); });
by("load-mask").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  doing(() => loadMask(file));
});
