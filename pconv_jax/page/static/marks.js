// What is marked, as it is seen now: what was found, the edits that are done, and the stroke that is being drawn.

const COLOUR = "#ff00a0"; // rare in photographs
const SURER = 6; // times that what is smoothed is drawn over itself: a twelfth of a pixel is seen as two fifths

export class Marks {
  constructor() {
    this.done = document.createElement("canvas");
    this.whole = document.createElement("canvas"); // with the stroke that is being drawn
    this.under = []; // what the edits lie over, and where it is seen
    this.edits = []; // those on `done`
  }

  // A canvas like that of a view. Edits that are on it already stay: each movement of the pointer draws a frame, and
  // hundreds of strokes take longer than one lasts.
  drawn(view) {
    const { canvas, scale, left, top, found, masks, details } = view;
    const under = [canvas.width, canvas.height, scale, left, top, found, details.found];
    const edits = view.edits.map((edit) => ({ edit, mask: masks[edit.mask], detail: details[edit.mask] }));
    const layer = this.done.getContext("2d");
    const same = (one, other) => other && Object.keys(one).every((key) => one[key] === other[key]);
    const stay = this.edits.every((one, at) => same(one, edits[at]));
    if (!stay || under.some((part, at) => part !== this.under[at])) {
      clear(this.done, canvas);
      view.place(layer);
      picture(layer, found, details.found, view);
      this.edits = [];
    }
    view.place(layer);
    for (const each of edits.slice(this.edits.length)) draw(layer, each, view);
    Object.assign(this, { under, edits });
    if (!view.live) return this.done;
    clear(this.whole, canvas);
    const above = this.whole.getContext("2d");
    above.drawImage(this.done, 0, 0);
    view.place(above);
    draw(above, { edit: view.live }, view);
    return this.whole;
  }
}

function clear(layer, { width, height }) {
  Object.assign(layer, { width, height }); // which empties it
}

function draw(layer, { edit, mask, detail }, view) {
  if (edit.kind === "clear") {
    layer.clearRect(0, 0, view.width, view.height);
  } else if (edit.kind === "mask") {
    picture(layer, mask, detail, view);
  } else {
    layer.globalCompositeOperation = edit.erases ? "destination-out" : "source-over";
    layer.strokeStyle = COLOUR;
    layer.lineCap = layer.lineJoin = "round";
    layer.lineWidth = 2 * edit.radius;
    layer.beginPath();
    const [first, ...rest] = edit.points;
    layer.moveTo(...first);
    for (const point of rest.length ? rest : [[first[0] + 1e-3, first[1]]]) layer.lineTo(...point);
    layer.stroke();
    layer.globalCompositeOperation = "source-over";
  }
}

// A mask in little, and in its place the part of it that is there pixel by pixel.
function picture(layer, image, detail, { width, height, scale }) {
  if (!image) return;
  layer.save();
  if (detail) {
    layer.beginPath();
    layer.rect(0, 0, width, height);
    layer.rect(...place(detail));
    layer.clip("evenodd");
  }
  stretched(layer, image, scale, 0, 0, width, height);
  layer.restore();
  if (detail) stretched(layer, detail.image, scale, ...place(detail));
}

const place = ({ left, top, right, bottom }) => [left, top, right - left, bottom - top];

function stretched(layer, image, scale, left, top, width, height) {
  const smaller = width * scale < image.width; // whole lines would fall out without smoothing, and be faint with it
  layer.imageSmoothingEnabled = smaller;
  layer.imageSmoothingQuality = "high";
  for (let times = smaller ? SURER : 1; times; times -= 1) layer.drawImage(image, left, top, width, height);
}
