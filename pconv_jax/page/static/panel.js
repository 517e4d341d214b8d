// The list of photographs, and the progress of what is done with them.

import { address } from "./api.js";
import { by } from "./messages.js";

const KINDS = { open: "Opening", find: "Looking for damage in", restore: "Restoring", save: "Saving", download: "Preparing the download", close: "Closing" };
const STATES = { opening: "opening…", opened: "opened", found: "damage found", clean: "nothing found", corrected: "corrected", restored: "restored", saved: "saved" };

const SOON = 3000; // ms until the first step of a job, if nothing has to be compiled

// Draws the photographs, if they are others than before. The focus stays where it was: on the same photograph, or on
// the one that takes the place of a closed one.
export function drawList(photographs, chosen, { pick, close }) {
  const shown = JSON.stringify([chosen, photographs.map((each) => [each.name, each.title, each.state, each.looks])]);
  if (shown === drawList.shown) return;
  drawList.shown = shown;
  const focused = [...by("list").children].findIndex((item) => item.contains(document.activeElement));
  const was = by("list").children[focused]?.dataset.name;
  const button = document.activeElement.className === "pick" ? ".pick" : "button:not(.pick)";
  const items = photographs.map((each) => {
    const item = document.createElement("li");
    item.dataset.name = each.name;
    item.classList.toggle("chosen", each.name === chosen);
    const own = Object.assign(document.createElement("button"), { type: "button", className: "pick" });
    own.setAttribute("aria-current", String(each.name === chosen));
    if (each.looks) own.append(Object.assign(document.createElement("img"), { src: `${address(each.name, "/before.jpg")}?${each.looks}`, alt: "", loading: "lazy", draggable: false }));
    own.append(Object.assign(document.createElement("span"), { className: "title", textContent: each.title, title: each.title }));
    own.append(Object.assign(document.createElement("span"), { className: "state", textContent: STATES[each.state] }));
    own.addEventListener("click", () => pick(each.name));
    const end = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    end.setAttribute("aria-label", `Close ${each.title}`);
    end.addEventListener("click", () => close(each.name));
    item.append(own, end);
    return item;
  });
  by("list").replaceChildren(...items);
  if (focused < 0) return;
  const same = items.find((item) => item.dataset.name === was);
  const next = same ?? items[Math.min(focused, items.length - 1)];
  (next?.querySelector(same ? button : ".pick") ?? by("open")).focus();
}

// What is compiled once before the first result.
export function gettingReady({ seconds_left: seconds }) {
  return `Getting ready, once${seconds === null ? "" : `: about ${Math.ceil(seconds)} s`}`;
}

// Why nothing is seen of a job: something that no photograph before it needed is compiled.
function sinceLong({ number, kind, done }) {
  if (sinceLong.number !== number) Object.assign(sinceLong, { number, since: performance.now() });
  const long = done === 0 && performance.now() - sinceLong.since > SOON;
  return long && ["find", "restore", "save"].includes(kind) ? "; the first of its kind takes longer" : "";
}

// Shows the job that runs or waits, if there is one.
export function drawProgress(photographs, jobs, readying) {
  const job = jobs.find((each) => each.state === "running") ?? jobs.find((each) => each.state === "waiting");
  by("job").hidden = !job;
  if (!job) return;
  const waits = readying && !job.total && (job.kind === "restore" || job.kind === "save");
  const { done, total, seconds_left: seconds } = waits ? readying : job;
  const bar = by("progress");
  if (total) Object.assign(bar, { max: total, value: done });
  else bar.removeAttribute("value");
  const title = photographs.find((each) => each.name === job.photograph)?.title ?? "";
  const doing = `${KINDS[job.kind] ?? job.kind} ${title}`;
  const left = seconds === null ? "" : `, ${Math.ceil(seconds)} s left`;
  const text = waits ? `${gettingReady(readying)}; then: ${doing}` : doing + (left || sinceLong(job));
  if (by("job-text").textContent !== text) by("job-text").textContent = text;
  by("cancel").dataset.job = job.number;
}
