// Restores a photograph with a network of ONNX: the photograph in squares, of which only those with damage are computed.
import * as ort from "./ort.wasm.min.mjs";

const CORE = 384; // px; the squares that are restored one after the other
const MARGIN = 64; // px; what is seen around each; both are multiples of 16, as the grid of the network is
const MOST = 40e6; // px; larger photographs do not fit into the memory of a page

const see = (name) => document.getElementById(name);
const image = see("image").getContext("2d", { willReadFrequently: true });
const damage = see("damage").getContext("2d", { willReadFrequently: true });
let session = null;
let opened = false;
let painter = null; // the pointer that paints, while it does
let before = null; // where it was

function say(text) {
  see("status").textContent = text;
}

function showWidth() {
  see("width").textContent = `${see("brush").value} px`;
  see("brush").setAttribute("aria-valuetext", see("width").textContent);
}

function enable(on) {
  for (const name of ["clear", "restore"]) see(name).disabled = !(on && opened && session);
  see("photograph").disabled = !on;
}

async function open(file) {
  const picture = await createImageBitmap(file);
  if (picture.width * picture.height > MOST) throw new Error(`more than ${MOST / 1e6} megapixels`);
  for (const name of ["image", "damage"]) Object.assign(see(name), { width: picture.width, height: picture.height });
  image.drawImage(picture, 0, 0);
  const flattened = flatten(picture) ? " It is laid on white, as transparency would not be kept." : "";
  opened = true;
  see("download").hidden = true;
  say(`${file.name}: ${picture.width} x ${picture.height} px. Paint over the damage, generously.${flattened}`);
}

// Lays what is transparent on white, as a canvas changes the colours below it; returns whether anything was.
function flatten({ width, height }) {
  const { data } = image.getImageData(0, 0, width, height);
  let at = 3;
  while (at < data.length && data[at] === 255) at += 4;
  Object.assign(image, { globalCompositeOperation: "destination-over", fillStyle: "#fff" });
  image.fillRect(0, 0, width, height);
  image.globalCompositeOperation = "source-over";
  return at < data.length;
}

function paint(event) {
  const canvas = see("damage");
  const scale = canvas.width / canvas.clientWidth;
  const [x, y] = [event.offsetX * scale, event.offsetY * scale];
  Object.assign(damage, { strokeStyle: "#f00", lineCap: "round", lineWidth: Number(see("brush").value) });
  damage.beginPath();
  damage.moveTo(...(before ?? [x, y]));
  damage.lineTo(x + 0.01, y); // a line of no length, as of a click, would paint nothing in some browsers
  damage.stroke();
  before = [x, y];
}

async function restore() {
  const { width, height } = see("image");
  const marks = damage.getImageData(0, 0, width, height).data;
  const isHole = (row, column) => marks[4 * (row * width + column) + 3] > 0;
  const seen = image.getImageData(0, 0, width, height); // windows see the damaged photograph, not each other's results
  const result = image.getImageData(0, 0, width, height);
  const squares = [];
  for (let top = 0; top < height; top += CORE) for (let left = 0; left < width; left += CORE) squares.push([top, left]);
  let [replaced, unfounded] = [0, 0];
  for (const [index, [top, left]] of squares.entries()) {
    say(`Restoring: ${index} of ${squares.length} squares.`);
    await new Promise((done) => setTimeout(done)); // shows it
    const found = await restoreSquare(top, left, seen, result, isHole);
    replaced += found.replaced;
    unfounded += found.valid ? 0 : found.replaced;
  }
  if (replaced === width * height) throw new Error("all of the photograph is painted over");
  image.putImageData(result, 0, 0);
  damage.clearRect(0, 0, width, height);
  const blob = await new Promise((done) => see("image").toBlob(done, "image/png"));
  URL.revokeObjectURL(see("download").href);
  Object.assign(see("download"), { href: URL.createObjectURL(blob), hidden: false });
  const far = ` ${unfounded} of them are so far inside the paint that nothing around them was seen: they are made up.`;
  say(`Restored ${replaced} pixels.${unfounded ? far : ""}`);
}

// Puts what the network makes of the holes of one square into `result`; returns how many pixels that were,
// and whether the network saw any that were valid.
async function restoreSquare(top, left, seen, result, isHole) {
  const { width, height, data } = seen;
  const [bottom, right] = [Math.min(top + CORE, height), Math.min(left + CORE, width)];
  const holes = [];
  for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) if (isHole(row, column)) holes.push([row, column]);
  if (!holes.length) return { replaced: 0, valid: true };
  const [firstRow, firstColumn] = [Math.max(0, top - MARGIN), Math.max(0, left - MARGIN)];
  const rows = Math.min(height, bottom + MARGIN) - firstRow;
  const columns = Math.min(width, right + MARGIN) - firstColumn;
  const pixels = new Float32Array(rows * columns * 3);
  const mask = new Float32Array(rows * columns); // 1 = valid, 0 = hole
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [from, to] = [(row + firstRow) * width + column + firstColumn, row * columns + column];
      for (let channel = 0; channel < 3; channel++) pixels[3 * to + channel] = data[4 * from + channel] / 255;
      mask[to] = isHole(row + firstRow, column + firstColumn) ? 0 : 1;
    }
  }
  const { restored } = await session.run({
    image: new ort.Tensor("float32", pixels, [1, rows, columns, 3]),
    mask: new ort.Tensor("float32", mask, [1, rows, columns, 1]),
  });
  for (const [row, column] of holes) {
    const from = 3 * ((row - firstRow) * columns + column - firstColumn);
    for (let channel = 0; channel < 3; channel++) result.data[4 * (row * width + column) + channel] = 255 * restored.data[from + channel];
  }
  return { replaced: holes.length, valid: mask.includes(1) };
}

async function busy(action) {
  enable(false);
  painter = null; // a stroke that is under way ends here
  try {
    await action();
  } catch (error) {
    say(`That did not work: ${error.message.replace(/\.$/, "")}.`);
  }
  enable(true);
}

see("photograph").addEventListener("click", ({ target }) => { target.value = ""; }); // or the same file could not be opened again
see("photograph").addEventListener("change", ({ target }) => target.files[0] && busy(() => open(target.files[0])));
see("brush").addEventListener("input", showWidth);
showWidth();
see("restore").addEventListener("click", () => busy(restore));
see("clear").addEventListener("click", () => damage.clearRect(0, 0, see("damage").width, see("damage").height));
see("damage").addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || painter !== null) return; // another button, or another finger
  if (see("photograph").disabled) return; // while it restores: what is painted then would be cleared unseen
  event.target.setPointerCapture(event.pointerId);
  [painter, before] = [event.pointerId, null];
  paint(event);
});
see("damage").addEventListener("pointermove", (event) => event.pointerId === painter && paint(event));
for (const end of ["pointerup", "pointercancel"]) {
  see("damage").addEventListener(end, (event) => {
    if (event.pointerId === painter) painter = null;
  });
}

ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain server of files does not send
await busy(async () => {
  session = await ort.InferenceSession.create("./network.onnx");
  say("Open a photograph.");
});
