// Pointer and keys on the picture: strokes, lines, moving, zooming. `on` is told of finished strokes and clicks.

export const NEAR = 96; // px of the photograph around a click that are restored at once
const CLOSE = 1.5; // CSS px: nearer points of a stroke are left out
const MOVE = 60; // CSS px that an arrow key moves the picture by
const HOLD = 14; // CSS px from the line between before and after within which a pointer takes hold of it

export class Tools {
  constructor(view, on) {
    this.view = view;
    this.on = on;
    this.tool = "brush";
    this.radius = 4; // px of the photograph
    this.near = false; // a click restores what is near
    this.pointers = new Map();
    this.held = false; // Space moves the picture
    this.dragging = false; // the picture
    this.dividing = false; // before from after
    this.pinched = false; // there was a second finger
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("keyup", (event) => { if (event.key === " ") this.held = false; });
    canvas.addEventListener("blur", () => { this.held = false; });
  }

  where(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  get moves() {
    return this.tool === "hand" || this.held || this.view.mode === "compare";
  }

  // Whether a pointer is on the line between before and after.
  atLine(event) {
    const split = this.view.mode === "compare" ? this.view.split() : null;
    if (split === null) return false;
    const [x] = this.where(event);
    return Math.abs(x - this.view.left - split * this.view.scale) <= (event.pointerType === "touch" ? 2 : 1) * HOLD;
  }

  divide(event) {
    const seen = this.view.visible();
    if (!seen) return;
    const { left, right } = seen;
    this.on.divide((this.view.at(...this.where(event))[0] - left) / (right - left));
  }

  down(event) {
    if (!this.view.width) return;
    this.view.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.where(event));
    if (this.pointers.size > 1) { // two fingers zoom and move
      this.pinched = true;
      this.dividing = this.dragging = false;
      return this.abandon();
    }
    this.pinched = false;
    if (event.button === 0 && !this.near && this.atLine(event)) {
      this.dividing = true;
    } else if (event.button === 1 || (this.moves && !this.near)) {
      this.dragging = true;
    } else if (event.button === 0 && !this.near) {
      this.begin(this.view.at(...this.where(event)));
    }
  }

  moved(event) {
    const [x, y] = this.where(event);
    const before = this.pointers.get(event.pointerId);
    if (before && this.pointers.size > 1) {
      this.pinch(event.pointerId, [x, y]);
    } else if (before && this.dividing) {
      this.divide(event);
    } else if (before && this.dragging) {
      this.view.move(x - before[0], y - before[1]);
    } else if (before && this.view.live) { // what keys lowered, they move
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.extend(this.view.at(...this.where(each)));
    }
    if (before) this.pointers.set(event.pointerId, [x, y]);
    if (event.pointerType === "touch") return;
    this.point(this.view.at(x, y));
    this.view.canvas.classList.toggle("at-line", this.dividing || this.atLine(event));
  }

  up(event) {
    const held = this.pointers.delete(event.pointerId);
    this.dragging = this.dividing = false;
    if (held && this.near && !this.pinched && event.type === "pointerup" && event.button === 0) {
      this.on.near(this.view.at(...this.where(event)));
    } else if (this.view.live && event.type === "pointerup") this.end();
    else this.abandon();
  }

  wheel(event) {
    event.preventDefault();
    this.view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...this.where(event));
  }

  pinch(id, to) {
    const from = this.pointers.get(id);
    const other = [...this.pointers].find(([each]) => each !== id)[1];
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
    this.view.move((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
    if (apart(from) > 10) this.view.zoom(apart(to) / apart(from), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
  }

  begin(point) {
    this.on.drawing();
    this.view.live = { kind: "stroke", erases: this.tool === "erase", radius: this.radius, points: [point] };
    this.view.draw();
  }

  extend(point) {
    const { points } = this.view.live;
    if (this.tool === "line") points[1] = point;
    else {
      const last = points[points.length - 1];
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) * this.view.scale >= CLOSE) points.push(point);
    }
    this.view.draw();
  }

  end() {
    const stroke = this.view.live;
    this.view.live = null;
    const rounded = (value) => Math.round(value * 100) / 100;
    this.on.stroke({ ...stroke, points: stroke.points.map((point) => point.map(rounded)) });
  }

  abandon() {
    this.view.live = null;
    this.view.draw();
  }

  // For another photograph: the keys begin in its middle.
  restart() {
    this.keyed = undefined;
    this.point(null);
  }

  // Shows where the tool is; with a cross if the keys move it.
  point(point, cross = false) {
    const shown = point && !this.dragging && (cross || !this.moves || this.near);
    this.view.cursor = shown ? { x: point[0], y: point[1], radius: this.near ? NEAR : this.radius, square: this.near, cross } : null;
    this.view.draw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.view.width) return;
    const step = (event.shiftKey ? 1 : 10) / this.view.scale;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " ") {
      this.held = true;
    } else if (way && this.moves && !this.near) {
      this.view.move(-MOVE * way[0], -MOVE * way[1]);
    } else if (way) {
      const { canvas } = this.view;
      const from = this.keyed ?? this.view.at(canvas.clientWidth / 2, canvas.clientHeight / 2);
      this.keyed = [
        Math.min(this.view.width, Math.max(0, from[0] + step * way[0])),
        Math.min(this.view.height, Math.max(0, from[1] + step * way[1])),
      ];
      this.view.reveal(this.keyed);
      if (this.view.live) this.extend(this.keyed);
      this.point(this.keyed, true);
    } else if (event.key === "Enter" && this.keyed) {
      if (this.near) this.on.near(this.keyed);
      else if (this.view.live) this.end();
      else this.begin(this.keyed);
    } else if (event.key === "Escape") {
      this.abandon();
    } else return;
    event.preventDefault();
  }
}
