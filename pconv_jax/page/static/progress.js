// The progress of what is done with the photographs, and what waits.

import { by, hide } from "./messages.js";

const KINDS = { open: "Opening", find: "Looking for damage in", restore: "Restoring", save: "Saving", download: "Preparing the download", close: "Closing" };
const SOON = 3000; // ms until the first step of a job, if nothing has to be compiled

// A sentence, and after it what changes every second: screen readers say the sentence alone.
function say(place, text, more) {
  for (const [element, said] of [[by(place), text], [by(`${place}-more`), more]]) {
    if (element.textContent !== said) element.textContent = said;
  }
}

// What is compiled once before the first result.
export function drawReady(readying) {
  const seconds = readying?.seconds_left ?? null;
  say("ready", readying ? "Getting ready, once" : "Ready", seconds === null ? "" : `: about ${Math.ceil(seconds)} s`);
}

const isOpen = (job) => job.state === "running" || job.state === "waiting";

// What a job waits for.
const waiting = ({ before }) => (before === 1 ? ": waits for another" : before ? `: waits for ${before} others` : "");

// Why nothing is seen of a job: something that no photograph before it needed is compiled.
function sinceLong({ number, kind, done }) {
  if (sinceLong.number !== number) Object.assign(sinceLong, { number, since: performance.now() });
  const long = done === 0 && performance.now() - sinceLong.since > SOON;
  return long && ["find", "restore", "save"].includes(kind) ? "; the first of its kind takes longer" : "";
}

// Shows what is done, or will be done, with the photograph that is shown, or else with another: that can be cancelled.
export function drawProgress({ photographs, jobs, getting_ready: readying, chosen }) {
  const open = jobs.filter(isOpen).sort((one, other) => one.before - other.before);
  const job = open.find((each) => each.photograph === chosen) ?? open[0];
  hide("job", !job, "restore");
  if (!job) return;
  const readies = readying && !job.total && job.state === "running" && (job.kind === "restore" || job.kind === "save");
  const { done, total, seconds_left: seconds } = readies ? readying : job;
  if (total || job.before) Object.assign(by("progress"), { max: total || 1, value: done });
  else by("progress").removeAttribute("value");
  const title = photographs.find((each) => each.name === job.photograph)?.title ?? "";
  const doing = `${KINDS[job.kind] ?? job.kind} ${title}`;
  const left = seconds === null ? "" : `${Math.ceil(seconds)} s left`;
  if (readies) say("job-text", `Getting ready, once; then: ${doing}`, left && `, ${left}`);
  else if (total && done === total) say("job-text", `${doing}: finishing`, "");
  else say("job-text", doing + (waiting(job) || sinceLong(job)), left && `, ${left}`);
  by("cancel").dataset.job = job.number;
}

// Says on the stage that the photograph is not there yet, and why.
export function drawOpening({ jobs, chosen }, title, opened) {
  const job = jobs.find((each) => each.photograph === chosen && each.kind === "open" && isOpen(each));
  by("opening").hidden = opened || !title;
  const said = opened || !title ? "" : `Opening ${title}${(job && waiting(job)) || "…"}`;
  if (by("opening").textContent !== said) by("opening").textContent = said;
}
