// What the page says: errors, questions, what went wrong.

export const by = (id) => document.getElementById(id);

export function alertOf(text) {
  by("alert").hidden = !text;
  by("alert").firstElementChild.textContent = text;
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

export function asked(text) {
  const question = by("question");
  question.querySelector("p").textContent = text;
  question.returnValue = "no";
  question.showModal();
  return new Promise((answer) => question.addEventListener("close", () => answer(question.returnValue === "yes"), { once: true }));
}
