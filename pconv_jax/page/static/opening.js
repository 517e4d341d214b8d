// Files that are opened: chosen, dropped, or pasted.

import * as api from "./api.js";
import { desk } from "./desk.js";
import { alertAlso, alertOf, by } from "./messages.js";
import { choose, refresh } from "./photographs.js";

let added = []; // names of the photographs that were opened last, in their order

// The first of those that were opened last, but for what was no picture.
export const first = () => added.find((name) => desk.photographs.some((each) => each.name === name));

export async function openFiles(files) {
  alertOf("");
  added = [];
  for (const file of files) {
    try {
      await open(file);
    } catch (error) {
      alertAlso(error.message); // and go on with the others
      if (error.gone) return;
    }
  }
}

async function open(file) {
  if (file.size > desk.most_uploaded) {
    throw new Error(`${file.name} has more than ${(desk.most_uploaded / 2 ** 30).toFixed(0)} GiB: name it on the command line, \`pconv-jax page FILE\`.`);
  }
  const shown = first();
  added.push((await api.open(file)).name);
  await refresh();
  if (!shown && first()) await choose(first());
}

function drop(event) {
  event.preventDefault();
  by("stage").classList.remove("dropping");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  if (entries.some((entry) => entry?.isDirectory)) {
    alertOf("A folder cannot be dropped: drop the photographs in it, or start `pconv-jax page FOLDER`.");
  } else openOrSay([...event.dataTransfer.files], "What was dropped is no file, perhaps a link: save the picture, and drop that file.");
}

function openOrSay(files, otherwise) {
  if (files.length) openFiles(files);
  else alertOf(otherwise);
}

by("open").addEventListener("change", (event) => { openFiles([...event.target.files]); event.target.value = ""; });
by("stage").addEventListener("dragover", () => by("stage").classList.add("dropping"));
by("stage").addEventListener("dragleave", () => by("stage").classList.remove("dropping"));
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", drop);
window.addEventListener("paste", (event) => openOrSay([...event.clipboardData.files], "There is no picture on the clipboard: copy one, or save it, and open that file."));
