// What the page knows: the photographs and jobs of the server, and which of them is shown.

import { by } from "./messages.js";
import { View } from "./view.js";

export const view = new View(by("canvas"));

export const desk = {
  getting_ready: null, // what is compiled before the first result
  photographs: [],
  jobs: [],
  most_uploaded: Infinity, // bytes
  thickest_line: null, // px, that the weights were trained on
  chosen: null, // name of the photograph that is shown
  undone: {}, // edits that were undone, by photograph
  near: false, // whether a click restores what is near
  changing: {}, // how many changes the server has not taken yet, by photograph
  size() {}, // position of the slider for the size of the brush
  opened() {}, // called when a photograph is shown, with that position if it was shown before
};

// The edits that were undone in the photograph that is shown, for redo.
export const undone = () => (desk.undone[desk.chosen] ??= []);

export const current = () => desk.photographs.find((each) => each.name === desk.chosen);
