// The page: the list of photographs, the tools beside the picture, and what is asked of the server.

import * as api from "./api.js";
import { listenToKeys } from "./keys.js";
import { alertOf, asked, by, trying } from "./messages.js";
import { drawList, drawProgress } from "./panel.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const view = new View(by("canvas"));
const NEAR = 96; // px around a click that are restored at once
const LARGEST_DETAIL = 2048;

let known = { photographs: [], jobs: [] };
let chosen = null; // name of the photograph that is shown
let redo = [];
let sending = Promise.resolve(); // changes go one after the other
const told = new Set(); // failed jobs that were shown
const saidOf = {}; // warnings that were shown, by photograph

const tools = new Tools(view, {
  drawing: () => show("marked"),
  stroke: (stroke) => edit([...view.edits, stroke]),
  near: restoreNear,
  seen,
});

// --- photographs --------------------------------------------------------------------------------------------------

const current = () => known.photographs.find((each) => each.name === chosen);

async function refresh() {
  known = await api.state();
  by("ready").textContent = known.ready ? "Ready" : "Warming up…";
  for (const job of known.jobs) {
    if (job.state === "failed" && !told.has(job.number)) alertOf(job.message);
    if (job.state === "failed") told.add(job.number);
  }
  for (const each of known.photographs) {
    const fresh = each.warnings.slice(saidOf[each.name] ?? 0);
    saidOf[each.name] = each.warnings.length;
    if (fresh.length) alertOf(fresh.join(" "));
  }
  list();
  if (!current()) await choose(known.photographs[0]?.name ?? null);
  else await follow(current());
  drawProgress(known.photographs, known.jobs);
}

function list() {
  drawList(known.photographs, chosen, {
    pick: (name) => trying(() => choose(name)),
    close: (name) => trying(async () => { await api.close(name); await refresh(); }),
  });
}

async function choose(name) {
  chosen = name;
  redo = [];
  view.forget();
  view.draw();
  Object.assign(follow, { found: null, shown: 0 });
  by("stage").classList.toggle("filled", name !== null);
  by("controls").disabled = name === null;
  for (const id of ["views", "zooms"]) by(id).hidden = name === null;
  list();
  if (name !== null) await follow(current());
}

// Loads what is new of the photograph that is shown.
async function follow(photograph) {
  const { name } = photograph;
  const still = () => chosen === name;
  if (!view.before && photograph.width) {
    const before = await api.picture(api.address(name, "/before.jpg"));
    if (!still()) return;
    Object.assign(view, { before, width: photograph.width, height: photograph.height, edits: photograph.edits });
    view.fit();
    seen();
    show("marked");
    take(photograph);
  }
  if (!view.before) return;
  if (photograph.revision !== view.revision && !follow.changing) take(photograph);
  const choice = JSON.stringify([photograph.found, photograph.sensitivity, photograph.tones, photograph.dilate]);
  if (photograph.found && follow.found !== choice) {
    follow.found = choice;
    const found = await api.picture(api.address(name, `/found.png?${encodeURIComponent(choice)}`));
    if (still()) view.found = found;
    await count();
    view.draw();
  }
  if (photograph.shown && photograph.shown !== follow.shown) {
    follow.shown = photograph.shown;
    const after = await api.picture(api.address(name, `/after.jpg?${photograph.shown}`));
    if (!still()) return;
    view.after = after;
    delete view.details.after;
    show(photograph.partly ? "after" : "compare");
    seen();
  }
  enable(photograph);
}

// Takes the choice and the edits that the server has.
function take(photograph) {
  view.revision = photograph.revision;
  view.edits = photograph.edits;
  by("sensitivity").value = photograph.sensitivity;
  by("tones").value = photograph.tones;
  by("dilate").value = photograph.dilate;
  choices();
  for (const { kind, mask } of photograph.edits) if (kind === "mask") maskPicture(mask);
  by("target").textContent = `Saves to ${photograph.target}`;
  by("save-mask").href = api.address(photograph.name, "/mask.png");
  by("download").href = api.address(photograph.name, "/download");
  view.draw();
}

function choices() {
  by("sensitivity-value").textContent = Number(by("sensitivity").value).toFixed(2);
  by("dilate-value").textContent = `${by("dilate").value} px`;
}

function enable(photograph) {
  const done = photograph.state === "restored" || photograph.state === "saved";
  by("download").setAttribute("aria-disabled", String(!done));
  steps();
  for (const button of document.querySelectorAll("[data-view]")) button.disabled = button.dataset.view !== "marked" && !view.after;
}

function steps() {
  by("undo").disabled = !view.edits.length;
  by("redo").disabled = !redo.length;
}

// --- changes ------------------------------------------------------------------------------------------------------

function edit(edits) {
  view.edits = edits;
  view.draw();
  steps();
  send();
}

function send() {
  const { name } = current();
  follow.changing = (follow.changing ?? 0) + 1;
  sending = sending.then(() => trying(async () => {
    if (chosen !== name) return;
    try {
      const values = { sensitivity: Number(by("sensitivity").value), tones: by("tones").value, dilate: Number(by("dilate").value) };
      const changed = await api.change(name, { ...values, revision: view.revision, edits: view.edits });
      view.revision = changed.revision;
    } catch (error) {
      take((await api.state()).photographs.find((each) => each.name === name));
      throw error;
    } finally {
      follow.changing -= 1;
    }
    await refresh();
    await count();
  }));
  return sending;
}

async function count() {
  if (!current()) return;
  const { name } = current();
  const { covered } = await api.covered(name);
  if (chosen === name) by("covered").textContent = `${(100 * covered).toFixed(2)} % of the photograph is marked`;
}

async function maskPicture(mask) {
  if (!view.masks[mask]) {
    view.masks[mask] = await api.picture(api.address(chosen, `/masks/${mask}.png`));
    view.draw();
  }
}

function undo() {
  if (!view.edits.length) return;
  redo.push(view.edits[view.edits.length - 1]);
  edit(view.edits.slice(0, -1));
}

function again() {
  if (redo.length) edit([...view.edits, redo.pop()]);
}

// --- restoring and saving -----------------------------------------------------------------------------------------

async function restore(region) {
  await sending;
  await api.restore(chosen, region);
  await refresh();
}

function restoreNear([x, y]) {
  trying(() => restore([x - NEAR, y - NEAR, x + NEAR, y + NEAR].map(Math.round)));
}

async function save() {
  await sending;
  try {
    await api.save(chosen, false);
  } catch (error) {
    if (!error.exists || !(await asked(`${current().target} exists already.`))) {
      if (error.exists) return;
      throw error;
    }
    await api.save(chosen, true);
  }
  await refresh();
}

// --- what is seen -------------------------------------------------------------------------------------------------

function show(mode) {
  view.mode = mode === "marked" || view.after ? mode : "marked";
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-checked", String(button.dataset.view === view.mode));
  by("compare").hidden = view.mode !== "compare";
  by("canvas").style.cursor = view.mode === "compare" || tools.tool === "hand" ? "grab" : "crosshair";
  view.draw();
}

// Loads what is seen of the photograph pixel by pixel, once the view is still, where the preview is too coarse.
function seen() {
  by("zoom").textContent = `${Math.round(100 * view.scale)} %`;
  clearTimeout(seen.timer);
  seen.timer = setTimeout(() => trying(detail), 250);
}

async function detail() {
  const photograph = current();
  const part = view.visible();
  if (!photograph || !part || !view.before || view.before.width * 1.3 > view.width * Math.min(1, view.scale)) return;
  if (part.right - part.left > LARGEST_DETAIL || part.bottom - part.top > LARGEST_DETAIL) return;
  const query = new URLSearchParams({ ...part, shown: photograph.shown });
  for (const what of view.after ? ["before", "after"] : ["before"]) {
    const image = await api.picture(api.address(photograph.name, `/detail/${what}.jpg?${query}`));
    if (chosen === photograph.name) view.details[what] = { image, ...part };
  }
  view.draw();
}

// --- what can be clicked ------------------------------------------------------------------------------------------

function pickTool(tool) {
  tools.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-checked", String(button.dataset.tool === tool));
  near(false);
  show(tool === "hand" ? view.mode : "marked");
}

function near(on) {
  tools.near = on;
  by("restore-here").setAttribute("aria-pressed", String(on));
}

function size(position) {
  by("size").value = Math.min(100, Math.max(0, position));
  tools.radius = 0.5 * 1.08 ** by("size").value; // from 1 px to 2200
  by("size-value").textContent = `${Math.round(2 * tools.radius)} px`;
}

function openFiles(files) {
  trying(async () => {
    for (const file of files) {
      const opened = await api.open(file);
      await refresh();
      if (known.photographs.some((each) => each.name === opened.name)) await choose(opened.name); // or it was no picture
    }
  });
}

by("open").addEventListener("change", (event) => { openFiles([...event.target.files]); event.target.value = ""; });
by("stage").addEventListener("dragover", (event) => { event.preventDefault(); by("stage").classList.add("dropping"); });
by("stage").addEventListener("dragleave", () => by("stage").classList.remove("dropping"));
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => { event.preventDefault(); by("stage").classList.remove("dropping"); openFiles([...event.dataTransfer.files]); });

for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => pickTool(button.dataset.tool));
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => show(button.dataset.view));
by("size").addEventListener("input", (event) => size(Number(event.target.value)));
for (const id of ["sensitivity", "dilate"]) {
  by(id).addEventListener("input", () => {
    choices();
    show("marked");
    clearTimeout(choices.timer);
    choices.timer = setTimeout(send, 120);
  });
}
by("tones").addEventListener("change", send);
by("undo").addEventListener("click", undo);
by("redo").addEventListener("click", again);
by("clear").addEventListener("click", () => { show("marked"); edit([...view.edits, { kind: "clear" }]); });
by("load-mask").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  trying(async () => {
    const { mask } = await api.loadMask(chosen, file);
    await maskPicture(mask);
    show("marked");
    edit([...view.edits, { kind: "mask", mask }]);
  });
});
by("restore").addEventListener("click", () => trying(() => restore()));
by("restore-here").addEventListener("click", () => near(!tools.near));
by("cancel").addEventListener("click", (event) => trying(() => api.cancel(event.target.dataset.job)));
by("save").addEventListener("click", () => trying(save));
by("divider").addEventListener("input", (event) => {
  view.divider = event.target.value / 100;
  event.target.setAttribute("aria-valuetext", `${event.target.value} % before`);
  view.draw();
});
by("zoom-in").addEventListener("click", () => { view.zoom(1.4); seen(); });
by("zoom-out").addEventListener("click", () => { view.zoom(1 / 1.4); seen(); });
by("fit").addEventListener("click", () => { view.fit(); seen(); });
listenToKeys();

// Redo begins anew with what is drawn.
const drawn = tools.on.stroke;
tools.on.stroke = (stroke) => { redo = []; drawn(stroke); };

size(32);
pickTool("brush");
(async function watch() {
  let pause = 2000;
  try {
    await refresh();
    if (watch.gone) alertOf("");
    watch.gone = false;
    pause = known.jobs.some((job) => job.state === "running" || job.state === "waiting") || !known.ready ? 300 : 2000;
  } catch (error) {
    watch.gone = Boolean(error.gone);
    alertOf(error.message);
  }
  setTimeout(watch, pause);
})();
