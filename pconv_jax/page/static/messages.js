// What the page says: errors, questions, what went wrong.

export const by = (id) => document.getElementById(id);

// Buttons that can be pressed, or not: they keep the focus.
export function enable(id, yes) {
  by(id).setAttribute("aria-disabled", String(!yes));
}

export const isEnabled = (id) => by(id).getAttribute("aria-disabled") !== "true";

// Hides what has done its work; the focus goes on to the next button.
export function hide(id, yes, next) {
  const focused = by(id).contains(document.activeElement);
  by(id).hidden = yes;
  if (!yes || !focused) return;
  by(next).focus();
  if (document.activeElement !== by(next)) by("open").focus(); // nothing is open to which the next one belongs
}

export function alertOf(text) {
  by("alert").hidden = !text;
  by("alert").firstElementChild.textContent = text;
}

// Says it below what was said before and is not dismissed.
export function alertAlso(text) {
  const said = by("alert").firstElementChild.textContent.split("\n").filter(Boolean);
  if (!said.includes(text)) alertOf([...said, text].join("\n"));
}

// What a person begins: what was said before is over.
export function doing(work) {
  alertOf("");
  return trying(work);
}

export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    alertOf(error.message);
    return undefined;
  }
}

by("alert").lastElementChild.addEventListener("click", () => alertOf(""));

// Asks, once what was asked before is answered.
export function asked(text, yes) {
  asked.last = (asked.last ?? Promise.resolve()).then(() => ask(text, yes));
  return asked.last;
}

function ask(text, yes) {
  const question = by("question");
  question.querySelector("p").textContent = text;
  question.querySelector("[value=yes]").textContent = yes;
  question.returnValue = "no";
  question.showModal();
  return new Promise((answer) => question.addEventListener("close", () => answer(question.returnValue === "yes"), { once: true }));
}
