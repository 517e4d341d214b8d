// The canvas: photograph, result and what is marked, at any zoom. Coordinates are px of the photograph.

import { Marks } from "./marks.js";

const STRENGTH = 0.6; // of the colour of what is marked
const REVEALED = 60; // CSS px from the edge at which what was out of sight is seen

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.marks = new Marks();
    this.scale = 1;
    this.left = 0; // of the photograph, in CSS px of the canvas
    this.top = 0;
    this.mode = "marked";
    this.divider = 0.5;
    this.cursor = null; // {x, y, radius, square, cross}: where the tool is, and its outline
    this.moved = () => {}; // told of each change of place and zoom
    this.forget();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  forget() {
    Object.assign(this, { width: 0, height: 0, before: null, after: null, found: null, choice: "", edits: [], masks: {}, live: null, details: {} });
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.width) {
      if (this.fitted) this.fit();
      else this.move(0, 0);
    }
    this.draw();
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.scale = this.whole();
    this.left = (clientWidth - this.width * this.scale) / 2;
    this.top = (clientHeight - this.height * this.scale) / 2;
    this.fitted = true;
    this.moved();
    this.draw();
  }

  // Where the photograph is seen, for `show`; undefined where all of it is.
  position() {
    const middle = this.at(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
    return this.fitted ? undefined : { scale: this.scale, middle };
  }

  // Shows the photograph where it was seen before, or all of it.
  show(position) {
    if (!position) {
      this.fit();
      return;
    }
    this.scale = position.scale;
    this.left = this.canvas.clientWidth / 2 - position.middle[0] * this.scale;
    this.top = this.canvas.clientHeight / 2 - position.middle[1] * this.scale;
    this.move(0, 0);
  }

  // The scale at which all of the photograph is seen.
  whole() {
    return Math.min(this.canvas.clientWidth / this.width, this.canvas.clientHeight / this.height) * 0.97;
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const whole = this.whole();
    const scale = Math.min(Math.max(32, whole), Math.max(Math.min(0.02, whole), this.scale * factor));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.move(0, 0);
  }

  // The middle of the view stays on the photograph, so that it is not lost.
  move(dx, dy) {
    const kept = (start, length, shown) => Math.min(shown / 2, Math.max(shown / 2 - length, start));
    this.left = kept(this.left + dx, this.width * this.scale, this.canvas.clientWidth);
    this.top = kept(this.top + dy, this.height * this.scale, this.canvas.clientHeight);
    this.fitted = false;
    this.moved();
    this.draw();
  }

  // Moves the photograph, if a point of it is out of sight, until it is seen.
  reveal([x, y]) {
    const beyond = (at, length) => (at < 0 ? REVEALED - at : at > length ? length - REVEALED - at : 0);
    const dx = beyond(this.left + x * this.scale, this.canvas.clientWidth);
    const dy = beyond(this.top + y * this.scale, this.canvas.clientHeight);
    if (dx || dy) this.move(dx, dy);
  }

  // From CSS px of the canvas to px of the photograph.
  at(x, y) {
    return [(x - this.left) / this.scale, (y - this.top) / this.scale];
  }

  // The part of the photograph that is seen, in whole px; null if there is none.
  visible() {
    const [left, top] = this.at(0, 0).map((value) => Math.max(0, Math.floor(value)));
    const [right, bottom] = this.at(this.canvas.clientWidth, this.canvas.clientHeight).map(Math.ceil);
    const seen = { left, top, right: Math.min(this.width, right), bottom: Math.min(this.height, bottom) };
    return seen.right > left && seen.bottom > top ? seen : null;
  }

  // Where the line between before and after is, in px of the photograph; null if none of it is seen.
  split() {
    const seen = this.visible();
    return seen && seen.left + this.divider * (seen.right - seen.left);
  }

  draw() {
    if (!this.pending) {
      this.pending = requestAnimationFrame(() => {
        this.pending = 0;
        this.paint();
      });
    }
  }

  paint() {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.before) return;
    this.place(context);
    context.imageSmoothingEnabled = this.scale < 3;
    const compared = this.mode === "compare" && this.after !== null;
    const split = compared ? (this.split() ?? this.width) : this.mode === "after" && this.after ? 0 : this.width;
    this.part("before", 0, split);
    if (this.after) this.part("after", split, this.width);
    if (this.mode === "marked") this.marked();
    if (compared) this.line(split);
    if (this.cursor) this.outline();
  }

  place(context) {
    const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    context.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.left, ratio * this.top);
  }

  // The line between before and after, and which is which; the slider's knob is on it.
  line(split) {
    const { context } = this;
    const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    const x = this.left + split * this.scale;
    const top = Math.max(0, this.top);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#fff";
    context.strokeStyle = "#000";
    context.lineWidth = 3;
    context.fillRect(x - 1, top, 2, Math.min(this.canvas.clientHeight, this.top + this.height * this.scale) - top);
    context.font = "13px system-ui, sans-serif";
    context.lineJoin = "round";
    for (const [text, side, way] of [["before", "right", -1], ["after", "left", 1]]) {
      context.textAlign = side;
      context.strokeText(text, x + 8 * way, top + 18);
      context.fillText(text, x + 8 * way, top + 18);
    }
    this.place(context);
  }

  part(what, from, to) {
    if (to <= from) return;
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.height);
    context.clip();
    context.drawImage(this[what], 0, 0, this.width, this.height);
    const detail = this.details[what];
    if (detail) context.drawImage(detail.image, detail.left, detail.top, detail.right - detail.left, detail.bottom - detail.top);
    context.restore();
  }

  marked() {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(0, 0, this.width, this.height);
    context.clip();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = STRENGTH;
    context.drawImage(this.marks.drawn(this), 0, 0);
    context.restore();
  }

  outline() {
    const { context } = this;
    const { x, y, radius, cross, square } = this.cursor;
    for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / this.scale;
      context.beginPath();
      if (square) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
      else context.arc(x, y, Math.max(radius, 1 / this.scale), 0, 2 * Math.PI);
      if (cross) {
        const arm = 14 / this.scale;
        context.moveTo(x - arm, y);
        context.lineTo(x + arm, y);
        context.moveTo(x, y - arm);
        context.lineTo(x, y + arm);
      }
      context.stroke();
    }
  }
}
