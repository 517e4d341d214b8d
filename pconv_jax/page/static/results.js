// What is asked of the server: to find, to restore all or what is near a click, to save, to stop.

import * as api from "./api.js";
import { sent } from "./changes.js";
import { current, desk } from "./desk.js";
import { asked, by, doing } from "./messages.js";
import { refresh } from "./photographs.js";
import { NEAR } from "./tools.js";

async function restore(region) {
  await sent();
  await api.restore(desk.chosen, region);
  await refresh();
}

export function restoreNear([x, y]) {
  doing(() => restore([x - NEAR, y - NEAR, x + NEAR, y + NEAR].map(Math.round)));
}

async function save() {
  await sent();
  try {
    await api.save(desk.chosen, false);
  } catch (error) {
    if (!error.exists) throw error;
    if (!(await asked(`${current().target} exists already.`, "Replace it"))) return;
    await api.save(desk.chosen, true);
  }
  await refresh();
}

by("find").addEventListener("click", () => doing(async () => { await api.find(desk.chosen); await refresh(); }));
by("restore").addEventListener("click", () => doing(() => restore()));
by("save").addEventListener("click", () => doing(save));
by("cancel").addEventListener("click", (event) => doing(() => api.cancel(event.target.dataset.job)));
