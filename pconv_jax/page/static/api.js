// What the server is asked for. A failure is an Error with its sentence; `exists` says that a file is in the way.

async function answered(promise) {
  let response;
  try {
    response = await promise;
  } catch {
    throw Object.assign(new Error("The program does not answer: start `pconv-jax page` again, and open the address that it prints."), { gone: true });
  }
  if (response.ok) return response.json();
  if (response.status === 401) {
    throw Object.assign(new Error("The program was started again: open the address that it printed."), { gone: true });
  }
  const said = await response.json().catch(() => ({}));
  throw Object.assign(new Error(said.error || `The program answered ${response.status}.`), { exists: said.exists, status: response.status });
}

// A file that cannot be read looks as if the program did not answer: then it does answer something else.
async function sent(file, address) {
  try {
    return await answered(fetch(address, { method: "POST", body: file }));
  } catch (error) {
    if (!error.gone) throw error;
    await state();
    throw new Error(`${file.name} cannot be read (any more): copy it to this computer, and open that.`);
  }
}

const asJson = (method, values) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) });
const place = (name, rest = "") => `/api/photographs/${name}${rest}`;

export const state = () => answered(fetch("/api/state"));
export const open = (file) => sent(file, `/api/photographs?name=${encodeURIComponent(file.name)}`);
export const close = (name) => answered(fetch(place(name), { method: "DELETE" }));
export const choose = (name) => answered(fetch(place(name, "/chosen"), { method: "POST" }));
export const edits = (name) => answered(fetch(place(name, "/edits")));
export const change = (name, values) => answered(fetch(place(name, "/edits"), asJson("PUT", values)));
export const loadMask = (name, file) => sent(file, place(name, `/masks?name=${encodeURIComponent(file.name)}`));
export const find = (name) => answered(fetch(place(name, "/find"), asJson("POST", {})));
export const takeFor = (name, linear) => answered(fetch(place(name, "/linear"), asJson("POST", { linear })));
export const dismiss = (name, count) => answered(fetch(place(name, "/dismissed"), asJson("PUT", { count })));
export const restore = (name, region) => answered(fetch(place(name, "/restore"), asJson("POST", region ? { region } : {})));
export const save = (name, replace) => answered(fetch(place(name, "/save"), asJson("POST", { replace })));
export const covered = (name) => answered(fetch(place(name, "/covered")));
export const cancel = (number) => answered(fetch(`/api/jobs/${number}`, { method: "DELETE" }));
export const address = place;

// A picture, decoded, once its address has answered.
export async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}
