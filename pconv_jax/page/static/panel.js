// The list of photographs, and the progress of what is done with them.

import { address } from "./api.js";
import { by } from "./messages.js";

const KINDS = { open: "Opening", find: "Looking for damage in", restore: "Restoring", save: "Saving", download: "Preparing the download", close: "Closing" };
const STATES = { opening: "opening…", opened: "opened", found: "damage found", clean: "nothing found", corrected: "corrected", restored: "restored", saved: "saved" };

// Draws the photographs, if they are others than before: the focus would be lost.
export function drawList(photographs, chosen, { pick, close }) {
  const shown = JSON.stringify([chosen, photographs.map((each) => [each.name, each.title, each.state, each.looks])]);
  if (shown === drawList.shown) return;
  drawList.shown = shown;
  const items = photographs.map((each) => {
    const item = document.createElement("li");
    item.classList.toggle("chosen", each.name === chosen);
    const own = Object.assign(document.createElement("button"), { type: "button", className: "pick" });
    own.setAttribute("aria-current", String(each.name === chosen));
    if (each.looks) own.append(Object.assign(document.createElement("img"), { src: `${address(each.name, "/before.jpg")}?${each.looks}`, alt: "", loading: "lazy" }));
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
}

// Shows the job that runs or waits, if there is one.
export function drawProgress(photographs, jobs, ready) {
  const job = jobs.find((each) => each.state === "running") ?? jobs.find((each) => each.state === "waiting");
  by("job").hidden = !job;
  if (!job) return;
  const bar = by("progress");
  if (job.total) Object.assign(bar, { max: job.total, value: job.done });
  else bar.removeAttribute("value");
  const known = job.seconds_left === null ? "" : `, ${Math.ceil(job.seconds_left)} s left`;
  const left = known || (ready || job.kind === "open" ? "" : "; the first time takes longer");
  const title = photographs.find((each) => each.name === job.photograph)?.title ?? "";
  const text = `${KINDS[job.kind] ?? job.kind} ${title}${left}`;
  if (by("job-text").textContent !== text) by("job-text").textContent = text;
  by("cancel").dataset.job = job.number;
}
