// The photographs: chosen, closed, and what is new of the one that is shown.

import * as api from "./api.js";
import { sent } from "./changes.js";
import { choices, count, showState, take } from "./controls.js";
import { current, desk, view } from "./desk.js";
import { drawList } from "./list.js";
import { seen, show } from "./looks.js";
import { alertAlso, asked, by, trying } from "./messages.js";
import { first } from "./opening.js";
import { drawOpening, drawProgress, drawReady } from "./progress.js";

const told = new Set(); // failed jobs that were shown
const saidOf = {}; // how many warnings were shown, by photograph
const lookedAt = {}; // where a photograph was seen, and the size of the brush, before another was chosen
const followed = {}; // what is shown of the photograph: which detections, result and tones

export async function refresh() {
  Object.assign(desk, await api.state());
  drawReady(desk.getting_ready);
  for (const job of desk.jobs) {
    if (job.state === "failed" && !told.has(job.number)) alertAlso(job.message);
    if (job.state === "failed") told.add(job.number);
  }
  for (const each of desk.photographs) {
    const fresh = each.warnings.slice(Math.max(saidOf[each.name] ?? 0, each.dismissed));
    saidOf[each.name] = each.warnings.length;
    if (fresh.length) alertAlso(fresh.join(" "));
  }
  list();
  drawProgress(desk);
  if (!current()) await choose(first() ?? desk.photographs[0]?.name ?? null);
  else await follow(current());
}

function list() {
  drawList(desk.photographs, desk.chosen, {
    pick: (name) => trying(() => choose(name)),
    close: (name) => trying(() => close(name)),
  });
  drawOpening(desk, current()?.title, view.before !== null);
}

// Whether a result is being written, or waits for it.
const isSaved = (name) => desk.jobs.some((job) =>
  job.photograph === name && ["save", "download"].includes(job.kind) && ["waiting", "running"].includes(job.state));

async function close(name) {
  const { title, is_unsaved: lost } = desk.photographs.find((each) => each.name === name);
  const why = isSaved(name) ? "is being saved: closing it cancels that" : "is not saved: closing it loses what was corrected and restored";
  if ((lost || isSaved(name)) && !(await asked(`${title} ${why}.`, "Close it"))) return;
  await api.close(name);
  await refresh();
}

export async function choose(name) {
  sent(); // what is changed in the one before
  forget();
  desk.chosen = name;
  by("stage").classList.toggle("filled", name !== null);
  opened(false);
  for (const id of ["covered", "hint", "target"]) by(id).textContent = "";
  list();
  if (name === null) return;
  api.choose(name).catch(() => {}); // what matters is told by what is asked for next
  await follow(current());
}

// Its tools, which wait until the photograph is there.
function opened(yes) {
  for (const id of ["controls", "ending"]) by(id).disabled = !yes;
  for (const id of ["views", "zooms"]) by(id).hidden = !yes; // their bar stays as high as it is
  for (const id of ["compare", "find", "widen"]) by(id).hidden = true;
}

function forget() {
  if (view.before) lookedAt[desk.chosen] = { position: view.position(), size: desk.size() };
  view.forget();
  view.draw();
  Object.assign(followed, { found: null, shown: 0 });
}

// Loads what is new of the photograph that is shown.
async function follow(photograph) {
  const { name } = photograph;
  const still = () => desk.chosen === name;
  if (view.before && followed.looks !== photograph.looks) forget(); // it looks different
  if (!view.before && photograph.looks && !desk.changing[name]) { // its edits are those of the server
    const [before, known] = await Promise.all([api.picture(api.address(name, `/before.jpg?${photograph.looks}`)), api.edits(name)]);
    if (!still() || view.before || desk.changing[name]) return;
    followed.looks = photograph.looks;
    Object.assign(view, { before, width: photograph.width, height: photograph.height });
    view.show(lookedAt[name]?.position);
    list();
    opened(true);
    desk.opened(lookedAt[name]?.size);
    show("marked");
    take(known);
    await count();
  }
  if (!view.before) return;
  if (photograph.revision > view.revision && !desk.changing[name]) {
    const known = await api.edits(name);
    if (still() && known.revision > view.revision && !desk.changing[name]) take(known); // an older answer may come late
  }
  await followFinds(photograph, still);
  if (still()) await followResult(photograph, still);
  if (still()) showState(photograph);
}

async function followFinds(photograph, still) {
  const { looks, sensitivity, tones, dilate } = photograph;
  const choice = encodeURIComponent(JSON.stringify([looks, sensitivity, tones, dilate])); // browsers keep pictures by it
  if (!photograph.found || followed.found === choice) return;
  const found = await api.picture(api.address(photograph.name, `/found.png?${choice}`));
  if (!still()) return;
  followed.found = choice;
  Object.assign(view, { found, choice });
  delete view.details.found;
  view.draw();
  seen();
  await count();
}

async function followResult(photograph, still) {
  if (!photograph.has_result || photograph.shown === followed.shown) return;
  const after = await api.picture(api.address(photograph.name, `/after.jpg?${photograph.shown}`));
  if (!still() || photograph.shown <= followed.shown) return; // loaded twice, or late
  followed.shown = photograph.shown;
  view.after = after;
  delete view.details.after;
  const goesOn = view.live || desk.changing[photograph.name] || view.revision !== photograph.asked_at;
  if (!goesOn) show(photograph.partly ? "after" : "compare"); // who marks more meanwhile goes on doing so
  seen();
}

// What was read does not come up again.
by("alert").lastElementChild.addEventListener("click", () => trying(async () => {
  for (const number of told) await api.cancel(number);
  for (const { name, dismissed } of desk.photographs) {
    if (saidOf[name] > dismissed) await api.dismiss(name, saidOf[name]);
  }
}));
choices();
