// The page: the list of photographs, the tools beside the picture, and what is asked of the server.

import * as api from "./api.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const by = (id) => document.getElementById(id);
const view = new View(by("canvas"));
const NEAR = 96; // px around a click that are restored at once
const LARGEST_DETAIL = 2048;
const KINDS = { open: "Opening", find: "Looking for damage", restore: "Restoring", save: "Saving", download: "Preparing the download", close: "Closing" };
const STATES = { opening: "opening…", opened: "opened", found: "damage found", corrected: "corrected", restored: "restored", saved: "saved" };

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

// --- messages -----------------------------------------------------------------------------------------------------

function alertOf(text) {
  by("alert").hidden = !text;
  by("alert").firstElementChild.textContent = text;
}

async function trying(work) {
  try {
    return await work();
  } catch (error) {
    alertOf(error.message);
    return undefined;
  }
}

by("alert").lastElementChild.addEventListener("click", () => alertOf(""));

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
  progress();
}

function list() {
  const items = known.photographs.map((each) => {
    const item = document.createElement("li");
    item.classList.toggle("chosen", each.name === chosen);
    const pick = Object.assign(document.createElement("button"), { type: "button", className: "pick" });
    pick.setAttribute("aria-current", String(each.name === chosen));
    pick.append(Object.assign(document.createElement("span"), { className: "title", textContent: each.title, title: each.title }));
    pick.append(Object.assign(document.createElement("span"), { className: "state", textContent: STATES[each.state] }));
    pick.addEventListener("click", () => trying(() => choose(each.name)));
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    close.setAttribute("aria-label", `Close ${each.title}`);
    close.addEventListener("click", () => trying(async () => { await api.close(each.name); await refresh(); }));
    item.append(pick, close);
    return item;
  });
  const shown = JSON.stringify([chosen, known.photographs.map((each) => [each.name, each.title, each.state])]);
  if (shown !== list.shown) by("list").replaceChildren(...items); // not each time: the focus would be lost
  list.shown = shown;
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
  by("undo").disabled = !view.edits.length;
  by("redo").disabled = !redo.length;
  for (const button of document.querySelectorAll("[data-view]")) button.disabled = button.dataset.view !== "marked" && !view.after;
}

// --- changes ------------------------------------------------------------------------------------------------------

function edit(edits) {
  view.edits = edits;
  view.draw();
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

function asked(text) {
  const question = by("question");
  question.querySelector("p").textContent = text;
  question.returnValue = "no";
  question.showModal();
  return new Promise((answer) => question.addEventListener("close", () => answer(question.returnValue === "yes"), { once: true }));
}

function progress() {
  const job = known.jobs.find((each) => each.state === "running") ?? known.jobs.find((each) => each.state === "waiting");
  by("job").hidden = !job;
  if (!job) return;
  const bar = by("progress");
  if (job.total) Object.assign(bar, { max: job.total, value: job.done });
  else bar.removeAttribute("value");
  const left = job.seconds_left === null ? "" : `, ${Math.ceil(job.seconds_left)} s left`;
  const title = known.photographs.find((each) => each.name === job.photograph)?.title ?? "";
  const text = `${KINDS[job.kind] ?? job.kind} ${title}${left}`;
  if (by("job-text").textContent !== text) by("job-text").textContent = text;
  by("cancel").dataset.job = job.number;
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

document.addEventListener("keydown", (event) => {
  if (chosen === null || by("question").open || event.altKey || ["SELECT"].includes(event.target.tagName)) return;
  const key = event.key.toLowerCase();
  const held = event.ctrlKey || event.metaKey;
  const commands = held
    ? { z: event.shiftKey ? again : undo, y: again, s: () => trying(save) }
    : {
        b: () => pickTool("brush"), e: () => pickTool("erase"), l: () => pickTool("line"), h: () => pickTool("hand"),
        "[": () => size(Number(by("size").value) - 4), "]": () => size(Number(by("size").value) + 4),
        r: () => trying(() => restore()), n: () => near(!tools.near),
        1: () => show("marked"), 2: () => show("compare"), 3: () => show("after"),
        "+": () => by("zoom-in").click(), "=": () => by("zoom-in").click(), "-": () => by("zoom-out").click(), 0: () => by("fit").click(),
      };
  if (!commands[key]) return;
  event.preventDefault();
  commands[key]();
});

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
