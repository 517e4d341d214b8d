// What is asked of the server: to find, to restore all or what is near a click, to save, to stop.

import * as api from "./api.js";
import { sent } from "./changes.js";
import { current, desk } from "./desk.js";
import { asked, by, doing, isEnabled } from "./messages.js";
import { refresh } from "./photographs.js";
import { NEAR } from "./tools.js";

// Of the photograph that is shown when it is asked for, whichever is shown later.
async function restore(region, name = desk.chosen) {
  await sent();
  await api.restore(name, region);
  await refresh();
}

export function restoreNear([x, y]) {
  doing(() => restore([x - NEAR, y - NEAR, x + NEAR, y + NEAR].map(Math.round)));
}

async function save({ name, target } = current()) {
  await sent();
  try {
    await api.save(name, false);
  } catch (error) {
    if (!error.exists) throw error;
    if (!(await asked(`${target} exists already.`, "Replace it"))) return;
    await api.save(name, true);
  }
  await refresh();
}

by("find").addEventListener("click", () => doing(async () => { await api.find(desk.chosen); await refresh(); }));
by("restore").addEventListener("click", () => isEnabled("restore") && doing(() => restore()));
by("save").addEventListener("click", () => doing(() => save()));
by("cancel").addEventListener("click", (event) => doing(() => api.cancel(event.target.dataset.job)));
