// What the tools beside the picture show of a photograph: choices, counts, hints, where it is saved.

import * as api from "./api.js";
import { current, desk, undone, view } from "./desk.js";
import { seen } from "./looks.js";
import { by, enable, hide } from "./messages.js";

const MORE = [0.5, 0.7, 0.85, 0.95]; // sensitivities of "Find more"

// Takes the choices and the edits that the server has.
export function take(photograph) {
  view.revision = photograph.revision;
  view.edits = photograph.edits;
  by("sensitivity").value = photograph.sensitivity;
  by("tones").value = photograph.tones;
  by("dilate").value = photograph.dilate;
  choices();
  steps();
  for (const { kind, mask } of photograph.edits) if (kind === "mask") maskPicture(mask, photograph.name);
  Object.assign(by("save-mask"), {
    href: api.address(photograph.name, "/mask.png"),
    download: `${photograph.title.replace(/\.[^.]*$/, "")}_mask.png`,
  });
  view.draw();
}

export function choices() {
  by("sensitivity-value").textContent = Number(by("sensitivity").value).toFixed(2);
  by("dilate-value").textContent = `${by("dilate").value} px`;
  by("dilate").setAttribute("aria-valuetext", by("dilate-value").textContent);
  by("more").disabled = !more();
}

// The next sensitivity of "Find more"; undefined if there is none.
export const more = () => MORE.find((each) => each > Number(by("sensitivity").value) + 0.01);

export function showState(photograph) {
  const done = photograph.state === "restored" || photograph.state === "saved";
  const file = photograph.target.split(/[/\\]/).pop();
  enable("restore", !done || desk.changing[photograph.name]);
  by("restore").title = done ? "All that is marked is restored" : "Restore all that is marked (R)";
  by("save").title = `Write ${photograph.target} (Ctrl+S)`;
  by("target").textContent = `${photograph.state === "saved" ? "Saved to" : "Saves to"} ${photograph.target}`;
  const download = by("download");
  download.setAttribute("aria-disabled", String(!done));
  if (done) download.href = api.address(photograph.name, "/download");
  else download.removeAttribute("href");
  download.download = file; // or a failure, which is told as a job's, would take the place of the page
  download.title = done ? `Write ${file}, as Save does, to the folder of your browser’s downloads` : "Restore it first";
  by("scan").hidden = photograph.bits < 16;
  by("linear").checked = photograph.linear;
  by("linear").disabled = photograph.says_linear;
  steps();
  for (const button of document.querySelectorAll("[data-view]")) button.disabled = button.dataset.view !== "marked" && !view.after;
  hint(photograph);
}

export function steps() {
  enable("undo", view.edits.length > 0);
  enable("redo", undone().length > 0);
}

// One sentence on what to do next, and a button where one click does it.
export function hint(photograph) {
  const looking = desk.jobs.some((job) => job.photograph === photograph.name && ["running", "waiting"].includes(job.state));
  const cleared = view.edits.some((edit) => edit.kind === "clear");
  const whole = photograph.has_result && !photograph.partly;
  const done = photograph.state === "restored" || photograph.state === "saved";
  const byHand = more() ? "“Find more”, or mark it with the brush." : "Mark it with the brush.";
  let [text, action] = ["", ""];
  if (desk.near) text = "Click on the picture: what is marked in the square is restored. Escape ends this.";
  else if (looking || !photograph.looks) text = "";
  else if (!photograph.found) [text, action] = ["Damage was not looked for.", "find"];
  else if (cleared && !done) text = "What was found is cleared: only what you mark counts. Undo brings it back.";
  else if (photograph.partly) text = "Only what was near your clicks is restored anew. Restore and Save do all that is marked.";
  else if (whole && !done) text = "Press Restore again: only what changed is computed.";
  else if (whole && photograph.tight) [text, action] = reaching(cleared);
  else if (whole && photograph.covered) [text, action] = ["Outlines of scratches left behind?", "widen"];
  else if (photograph.state === "clean") text = `Nothing was found. Faint damage: ${byHand}`;
  else text = `Damage left unmarked? ${byHand} Erase what is no damage.`;
  by("hint").textContent = text;
  for (const id of ["find", "widen"]) hide(id, id !== action, "restore");
}

// How much is marked. While it is counted nothing else is: then once more, if it was asked for meanwhile.
export async function count() {
  if (count.runs) {
    count.again = true;
    return;
  }
  count.runs = true;
  try {
    do {
      count.again = false;
      await countOnce();
    } while (count.again);
  } finally {
    count.runs = false;
  }
}

async function countOnce() {
  if (!current()) return;
  const { name, found } = current();
  const { covered } = await api.covered(name);
  if (desk.chosen !== name) return;
  const share = covered && covered < 0.0001 ? "Less than 0.01" : (100 * covered).toFixed(2);
  by("covered").textContent = covered ? `${share} % of it is marked` : found || view.edits.length ? "Nothing is marked" : "";
}

// Widening does nothing for what was marked by hand alone.
const reaching = (byHand) => (byHand
  ? ["The damage seems to reach beyond what was marked, and its outlines stay: go over them with the brush.", ""]
  : ["The damage seems to reach beyond what was marked, and its outlines stay.", "widen"]);

export async function maskPicture(mask, name) {
  if (view.masks[mask]) return;
  const picture = await api.picture(api.address(name, `/masks/${mask}.png`));
  if (desk.chosen !== name) return;
  view.masks[mask] = picture;
  view.draw();
  seen();
}
