// What a person changes in what is marked: choices, strokes, masks; undo and redo.

import * as api from "./api.js";
import { choices, count, maskPicture, more, steps, take } from "./controls.js";
import { desk, undone, view } from "./desk.js";
import { show } from "./looks.js";
import { alertAlso, by, doing, enable, trying } from "./messages.js";
import { refresh } from "./photographs.js";

let sending = Promise.resolve(); // changes go one after the other
let waiting = null; // one that is sent once the slider rests
const next = {}; // the newest change of each photograph that is not sent yet
const revisions = {}; // that the server answered with, by photograph

// What the photograph that is shown is changed to: sent to it, whichever is shown then.
const shown = () => ({
  name: desk.chosen,
  revision: view.revision,
  sensitivity: Number(by("sensitivity").value),
  tones: by("tones").value,
  dilate: Number(by("dilate").value),
  edits: view.edits,
});

// Until the server has all changes.
export function sent() {
  if (waiting) send(waiting);
  return sending;
}

// Whether the server has not all of them yet.
const isUnsent = () => waiting !== null || Object.values(desk.changing).some(Boolean);

// Something new is done: redo begins anew.
export function add(made) {
  desk.undone[desk.chosen] = [];
  edit([...view.edits, made]);
}

function edit(edits) {
  view.edits = edits;
  enable("restore", true); // before the server knows
  view.draw();
  steps();
  send(shown());
}

function send({ name, ...change }) {
  clearTimeout(chosen.timer);
  waiting = null;
  const waits = next[name] !== undefined;
  next[name] = change; // a change holds all edits: one that was not sent yet is not needed any more
  if (waits) return;
  desk.changing[name] = (desk.changing[name] ?? 0) + 1;
  sending = sending.then(() => trying(async () => {
    const { revision, ...values } = next[name];
    delete next[name];
    try {
      const changed = await api.change(name, { ...values, revision: Math.max(revision, revisions[name] ?? 0) });
      revisions[name] = changed.revision;
      if (desk.chosen === name) view.revision = changed.revision;
    } catch (error) {
      const known = await api.edits(name);
      if (desk.chosen === name) take(known);
      throw error;
    } finally {
      desk.changing[name] -= 1;
    }
    trying(refresh); // the next change does not wait for these
    trying(count);
  }));
}

function undo() {
  if (!view.edits.length) return;
  undone().push(view.edits[view.edits.length - 1]);
  edit(view.edits.slice(0, -1));
}

function again() {
  if (undone().length) edit([...view.edits, undone().pop()]);
}

function chosen(pause) {
  choices();
  enable("restore", true);
  show("marked");
  clearTimeout(chosen.timer);
  waiting = shown();
  chosen.timer = setTimeout(sent, pause);
}

async function loadMask(file, name = desk.chosen) {
  const { mask, notes } = await api.loadMask(name, file);
  for (const note of notes) alertAlso(note);
  const made = { kind: "mask", mask };
  if (desk.chosen === name) {
    await maskPicture(mask, name);
    if (desk.chosen === name) show("marked");
  }
  if (desk.chosen === name) return add(made);
  await sent();
  const known = await api.edits(name);
  send({ ...known, edits: [...known.edits, made] });
  return sending;
}

for (const id of ["sensitivity", "dilate"]) by(id).addEventListener("input", () => chosen(120));
by("tones").addEventListener("change", () => chosen(0));
by("more").addEventListener("click", () => { by("sensitivity").value = more(); chosen(0); });
by("widen").addEventListener("click", () => { by("dilate").stepUp(); chosen(0); });
by("linear").addEventListener("change", ({ target: { checked } }) => doing(async (name = desk.chosen) => {
  await sent();
  await api.takeFor(name, checked);
  await refresh();
}));
by("undo").addEventListener("click", undo);
by("redo").addEventListener("click", again);
by("clear").addEventListener("click", () => { show("marked"); add({ kind: "clear" }); });
by("save-mask").addEventListener("click", (event) => {
  if (!isUnsent()) return;
  event.preventDefault(); // the file would lack what is not sent yet
  doing(async () => {
    await sent();
    by("save-mask").click();
  });
});
window.addEventListener("beforeunload", (event) => { if (isUnsent()) event.preventDefault(); });
by("load-mask").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  doing(() => loadMask(file));
});
