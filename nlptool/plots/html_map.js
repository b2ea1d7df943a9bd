"use strict";

// A map of texts on a canvas. The data say where the points are; the view says which part of the plane is on the screen; draw()
// makes one out of the other. Everything else changes the view, hides points, or asks which point is under a pointer.
// Texts reach the page by textContent and fillText alone: whatever they hold, it is shown and never run.

const data = JSON.parse(document.getElementById("data").textContent);
const { texts, groups, shapes, links } = data; // groups and shapes: names, codes (-1 for none), colours or outlines
const n = texts.length;
const xs = Float64Array.from({ length: n }, (_, i) => data.points[2 * i]);
const ys = Float64Array.from({ length: n }, (_, i) => data.points[2 * i + 1]);
const [canvas, tip, legend, query, found] = ["main canvas", "#tip", "#legend", "#query", "#found"].map((name) =>
  document.querySelector(name),
);
const context = canvas.getContext("2d");

const RADIUS = Math.min(6, Math.max(2.2, 8.5 - 1.3 * Math.log10(n + 1))); // CSS pixels, as all lengths on the screen
const REACH = { mouse: 10, pen: 10, touch: 24 }; // how near a pointer has to come
const MARGIN = 36;
const MOST_NAMED = 60; // points on the screen that have their texts beside them

// --- The view: screen = middle of the canvas + (data − centre) × scale, with y upwards.

const bounds = { left: least(xs), right: -least(xs, -1), lower: least(ys), upper: -least(ys, -1) };
const view = { x: 0, y: 0, scale: 1, home: 1, isHome: true };
let width = 0;
let height = 0;
let ratio = 1; // device pixels in a CSS pixel

function least(numbers, sign = 1) {
  return n ? numbers.reduce((least, number) => Math.min(least, sign * number), Infinity) : 0;
}

const onScreenX = (x) => width / 2 + (x - view.x) * view.scale;
const onScreenY = (y) => height / 2 - (y - view.y) * view.scale;
const inDataX = (x) => view.x + (x - width / 2) / view.scale;
const inDataY = (y) => view.y - (y - height / 2) / view.scale;

function goHome() {
  const wide = Math.max(1, width - 2 * MARGIN) / (bounds.right - bounds.left);
  const high = Math.max(1, height - 2 * MARGIN) / (bounds.upper - bounds.lower);
  view.home = Number.isFinite(Math.min(wide, high)) ? Math.min(wide, high) : 1; // all points in one place
  Object.assign(view, { x: (bounds.left + bounds.right) / 2, y: (bounds.lower + bounds.upper) / 2, scale: view.home, isHome: true });
  redraw();
}

function zoom(factor, x = width / 2, y = height / 2) {
  const [dataX, dataY] = [inDataX(x), inDataY(y)];
  view.scale = Math.min(view.home * 1e4, Math.max(view.home / 2, view.scale * factor));
  view.isHome = false;
  pan(x - onScreenX(dataX), y - onScreenY(dataY)); // what was under the pointer stays there
}

function pan(right, down) {
  view.x -= right / view.scale;
  view.y += down / view.scale;
  view.isHome = false;
  redraw();
}

// --- Which points are seen: those of groups and shapes that are not hidden. With a query, those that match are hits.

const hidden = { group: new Set(), shape: new Set() };
const seen = new Uint8Array(n).fill(1);
const isHit = new Uint8Array(n);
let hits = null; // the points that match, or null without a query
let jumped = -1; // which hit Enter went to
let current = -1; // the point whose text is shown
let folded = null; // the texts as the search reads them

const figure = (number) => number.toLocaleString("en");

// Full-width and half-width letters, capitals and small ones are the same.
const fold = (text) => text.normalize("NFKC").toLowerCase();

function select() {
  const wanted = fold(query.value);
  if (wanted) folded ??= texts.map(fold);
  hits = wanted ? [] : null;
  for (let i = 0; i < n; i++) {
    seen[i] = !hidden.group.has(groups.codes[i]) && !hidden.shape.has(shapes.codes[i]);
    isHit[i] = Boolean(hits) && seen[i] && folded[i].includes(wanted);
    if (isHit[i]) hits.push(i);
  }
  jumped = -1;
  if (current >= 0 && !seen[current]) show(-1);
  tellFound();
  redraw();
}

function tellFound() {
  if (!hits) found.textContent = "";
  else found.textContent = jumped < 0 ? `${figure(hits.length)} of ${figure(n)}` : `${figure(jumped + 1)} / ${figure(hits.length)}`;
}

function jump(step) {
  if (!hits?.length) return;
  jumped = jumped < 0 ? (step > 0 ? 0 : hits.length - 1) : (jumped + step + hits.length) % hits.length;
  tellFound();
  show(hits[jumped], { centred: true });
}

// --- Which point is near: the plane is cut into as many square cells as there are points, each with a list of its own.

const grid = (() => {
  const cell = Math.max(bounds.right - bounds.left, bounds.upper - bounds.lower) / Math.ceil(Math.sqrt(n)) || 1;
  const columns = Math.floor((bounds.right - bounds.left) / cell) + 1;
  const rows = Math.floor((bounds.upper - bounds.lower) / cell) + 1;
  const column = (x) => Math.min(columns - 1, Math.max(0, Math.floor((x - bounds.left) / cell)));
  const row = (y) => Math.min(rows - 1, Math.max(0, Math.floor((y - bounds.lower) / cell)));
  const starts = new Uint32Array(columns * rows + 1); // a counting sort: cell c holds points[starts[c]] to points[starts[c + 1]]
  const cells = Uint32Array.from(xs, (x, i) => row(ys[i]) * columns + column(x));
  for (const c of cells) starts[c + 1]++;
  for (let c = 0; c < columns * rows; c++) starts[c + 1] += starts[c];
  const next = starts.slice();
  const points = new Uint32Array(n);
  for (let i = 0; i < n; i++) points[next[cells[i]]++] = i;
  return { columns, column, row, starts, points };
})();

function* within(left, lower, right, upper) {
  for (let row = grid.row(lower); row <= grid.row(upper); row++) {
    const first = row * grid.columns;
    const end = grid.starts[first + grid.column(right) + 1];
    for (let at = grid.starts[first + grid.column(left)]; at < end; at++) yield grid.points[at];
  }
}

function nearest(x, y, reach) {
  const [dataX, dataY, far] = [inDataX(x), inDataY(y), reach / view.scale];
  let [best, closest] = [-1, far * far];
  for (const i of within(dataX - far, dataY - far, dataX + far, dataY + far)) {
    const distance = (xs[i] - dataX) ** 2 + (ys[i] - dataY) ** 2;
    if (seen[i] && (distance < closest || (distance === closest && i > best))) [best, closest] = [i, distance]; // the topmost
  }
  return best;
}

// --- Drawing: each kind of mark is drawn once, and stamped for every point; tiny ones are squares, three times as fast.

let theme = {};
let stamps = new Map();

function outline(pen, [corners, angle, relative], x, y, radius) {
  pen.beginPath();
  if (!corners) pen.arc(x, y, radius, 0, 2 * Math.PI);
  for (let corner = 0; corner < corners; corner++) {
    const turn = (2 * Math.PI * corner) / corners - Math.PI / 2 - (angle * Math.PI) / 180;
    pen.lineTo(x + Math.cos(turn) * radius * relative, y + Math.sin(turn) * radius * relative);
  }
  pen.closePath();
}

function mark(pen, group, shape, x, y, radius) {
  outline(pen, shapes.outlines[Math.max(0, shape)] ?? [0, 0, 1], x, y, radius);
  pen.fillStyle = groups.colours[group] ?? data.ungrouped;
  pen.fill();
  if (radius > 3) {
    pen.strokeStyle = theme.ground;
    pen.lineWidth = 0.75;
    pen.stroke();
  }
}

function stamp(group, shape) {
  const key = `${group} ${shape}`;
  if (!stamps.has(key)) {
    const half = Math.ceil(RADIUS * 1.6 * ratio) + 1;
    const made = Object.assign(document.createElement("canvas"), { width: 2 * half, height: 2 * half });
    const pen = made.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, half, half);
    mark(pen, group, shape, 0, 0, RADIUS);
    stamps.set(key, made);
  }
  return stamps.get(key);
}

function draw() {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  drawLinks();
  const margin = 2 * RADIUS;
  const onScreen = [];
  for (let i = 0; i < n; i++) {
    const [x, y] = [onScreenX(xs[i]), onScreenY(ys[i])];
    if (seen[i] && x > -margin && x < width + margin && y > -margin && y < height + margin) onScreen.push(i);
  }
  const chosen = hits ? onScreen.filter((i) => isHit[i]) : onScreen;
  if (hits) drawPoints(onScreen.filter((i) => !isHit[i]), 0.12);
  drawPoints(chosen, 1);
  const captioned = drawCaptions();
  if (chosen.length <= MOST_NAMED) drawNames(chosen, captioned);
  drawAxes();
  if (current >= 0) {
    outline(context, [0, 0, 1], onScreenX(xs[current]), onScreenY(ys[current]), RADIUS + 4);
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.stroke();
  }
}

function drawLinks() {
  for (const own of [false, true]) {
    context.beginPath();
    for (const line of links) {
      if (line.includes(current) !== own) continue;
      const ends = line.filter((i) => seen[i]);
      ends.forEach((i, at) => context[at ? "lineTo" : "moveTo"](onScreenX(xs[i]), onScreenY(ys[i])));
    }
    context.strokeStyle = own ? theme.ink : theme.line;
    context.globalAlpha = hits && !own ? 0.3 : 1;
    context.lineWidth = own ? 1.5 : 1;
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawPoints(points, alpha) {
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0); // whole device pixels: sharp, and fast
  context.globalAlpha = alpha;
  const side = Math.round(1.8 * RADIUS * ratio); // a square as large as the circle
  let colour = null;
  for (const i of points) {
    const [x, y] = [Math.round(onScreenX(xs[i]) * ratio), Math.round(onScreenY(ys[i]) * ratio)];
    if (RADIUS < 3) {
      const own = groups.colours[groups.codes[i]] ?? data.ungrouped;
      if (own !== colour) context.fillStyle = colour = own; // to set it is what takes time
      context.fillRect(x - (side >> 1), y - (side >> 1), side, side);
    } else {
      const image = stamp(groups.codes[i], shapes.codes[i]);
      context.drawImage(image, x - image.width / 2, y - image.height / 2);
    }
  }
  context.restore();
}

const widths = new Map(); // of the names, measured once

function name(i) {
  const letters = [...plain(texts[i]).slice(0, 80)];
  let cells = 0;
  const end = letters.findIndex((letter) => (cells += letter > "\u1100" ? 2 : 1) > 48);
  return end < 0 ? letters.join("") : `${letters.slice(0, end).join("")}…`;
}

// Texts that say what is around a place, such as what a cluster is about; returns the boxes that they take.
function drawCaptions() {
  context.font = `bold ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = theme.ink;
  context.strokeStyle = theme.ground;
  context.lineWidth = 4;
  context.lineJoin = "round";
  const taken = [];
  for (const [dataX, dataY, caption] of data.captions) {
    const [text, x, y] = [plain(caption).slice(0, 60), onScreenX(dataX), onScreenY(dataY)];
    const long = context.measureText(text).width;
    const [left, top, size] = [x - long / 2, y - 9, 18];
    if (x < 0 || x > width || y < 0 || y > height) continue;
    if (taken.some(([a, b, c, d]) => left < a + c && a < left + long && top < b + d && b < top + size)) continue; // zooming makes room
    taken.push([left, top, long, size]);
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
  context.textAlign = "start";
  return taken;
}

function drawNames(points, captioned) {
  context.font = theme.font;
  context.textBaseline = "middle";
  context.fillStyle = theme.ink;
  context.strokeStyle = theme.ground;
  context.lineWidth = 3;
  context.lineJoin = "round";
  const size = 15;
  const off = RADIUS + 4;
  const taken = [
    ...captioned,
    ...points.map((i) => [onScreenX(xs[i]) - RADIUS, onScreenY(ys[i]) - RADIUS, 2 * RADIUS, 2 * RADIUS]),
  ];
  for (const i of points) {
    const [text, x, y] = [name(i), onScreenX(xs[i]), onScreenY(ys[i])];
    if (!widths.has(i)) widths.set(i, context.measureText(text).width);
    const long = widths.get(i);
    const places = [[x + off, y], [x - off - long, y], [x - long / 2, y - off - size / 2], [x - long / 2, y + off + size / 2]];
    const free = places.find(
      ([left, middle]) =>
        left > 2 && left + long < width - 2 &&
        taken.every(([a, b, c, d]) => left > a + c || a > left + long || middle - size / 2 > b + d || b > middle + size / 2),
    );
    if (!free) continue; // zooming makes room
    taken.push([free[0], free[1] - size / 2, long, size]);
    context.strokeText(text, ...free);
    context.fillText(text, ...free);
  }
}

function drawAxes() {
  context.font = theme.font;
  context.fillStyle = theme.faint;
  context.textBaseline = "alphabetic";
  const [right, up] = data.axes.map((axis) => plain(axis).slice(0, 60));
  context.fillText(`${right} →`, width - context.measureText(`${right} →`).width - 10, height - 10);
  context.fillText(`↑ ${up}`, 10, 20);
}

let requested = 0;

function redraw() {
  requested ||= requestAnimationFrame(() => {
    requested = 0;
    draw();
    placeTip();
  });
}

function restyle() {
  const style = getComputedStyle(document.documentElement);
  for (const colour of ["ground", "ink", "faint", "line"]) theme[colour] = style.getPropertyValue(`--${colour}`).trim();
  theme.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  stamps = new Map();
  drawLegend();
  redraw();
}

function resize() {
  ({ width, height } = canvas.getBoundingClientRect());
  if (ratio !== devicePixelRatio) stamps = new Map();
  ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  if (view.isHome) goHome();
  redraw();
}

// --- The text of a point.

const plain = (text) => text.replace(/[\t\r\n\u2028\u2029]+/g, " ").replace(/\p{Cc}/gu, "\ufffd");

function show(i, { centred = false } = {}) {
  if (i === current && !centred) return;
  current = i;
  tip.hidden = i < 0;
  if (i >= 0) {
    const here = [...within(xs[i], ys[i], xs[i], ys[i])].filter((j) => seen[j] && xs[j] === xs[i] && ys[j] === ys[i]);
    const more = here.length > 1 ? `${figure(here.length - 1)} more in this place` : "";
    const about = [groups.names[groups.codes[i]], shapes.names[shapes.codes[i]]];
    tip.querySelector("p").textContent = texts[i].replace(/[^\P{Cc}\t\n]/gu, "\ufffd");
    tip.querySelector("small").textContent = [...new Set(about), more].filter(Boolean).join(" · ");
    const [x, y] = [onScreenX(xs[i]), onScreenY(ys[i])];
    if (centred || x < 0 || x > width || y < 0 || y > height) pan(width / 2 - x, height / 2 - y);
  }
  redraw();
}

function placeTip() {
  if (current < 0) return;
  const [x, y] = [onScreenX(xs[current]), onScreenY(ys[current])];
  const { offsetWidth: wide, offsetHeight: high } = tip;
  const off = RADIUS + 8;
  const above = y - high - off;
  tip.style.left = `${Math.max(8, Math.min(width - wide - 8, x - wide / 2))}px`;
  tip.style.top = `${Math.max(8, above >= 8 ? above : Math.min(height - high - 8, y + off))}px`;
}

// --- The legend: each entry hides or shows its points.

function entry(kind, code, text) {
  const swatch = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  const pen = swatch.getContext("2d");
  pen.scale(2, 2);
  mark(pen, kind === "group" ? code : -1, kind === "shape" || same ? code : -1, 7, 7, 4.5);
  const label = Object.assign(document.createElement("span"), { textContent: text, title: text });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const tell = () => button.setAttribute("aria-pressed", !hidden[kind].has(code));
  button.append(swatch, label);
  button.addEventListener("click", () => {
    if (!hidden[kind].delete(code)) hidden[kind].add(code);
    tell();
    select();
  });
  tell();
  const item = document.createElement("li");
  item.append(button);
  return item;
}

const MOST_LISTED = 200;
const same = String(groups.codes) === String(shapes.codes) && String(groups.names) === String(shapes.names);

function drawLegend() {
  const listed = (kind, { names, codes }) =>
    names.length > MOST_LISTED ? [] : [
      ...names.map((text, code) => entry(kind, code, text)),
      ...(names.length && codes.includes(-1) ? [entry(kind, -1, `no ${kind}`)] : []),
    ];
  legend.replaceChildren(...listed("group", groups), ...(same ? [] : listed("shape", shapes)));
}

// --- Hands: a mouse hovers, drags and turns its wheel; fingers tap, drag and pinch; keys step through the points.

const pressed = new Map(); // pointer -> where it was last
let strayed = 0; // pixels since the first was pressed

function place(event) {
  const { left, top } = canvas.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  if (!pressed.size) strayed = 0;
  pressed.set(event.pointerId, place(event));
});

canvas.addEventListener("pointermove", (event) => {
  const [x, y] = place(event);
  const last = pressed.get(event.pointerId);
  if (!last) {
    if (event.pointerType !== "touch") show(nearest(x, y, REACH[event.pointerType]));
    return;
  }
  strayed += Math.hypot(x - last[0], y - last[1]);
  pressed.set(event.pointerId, [x, y]);
  if (pressed.size === 1 && strayed > 3) {
    canvas.classList.add("dragged");
    pan(x - last[0], y - last[1]);
  } else if (pressed.size === 2) {
    const [other] = [...pressed].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    const spread = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1;
    pan((x - last[0]) / 2, (y - last[1]) / 2);
    zoom(spread([x, y]) / spread(last), (x + other[0]) / 2, (y + other[1]) / 2);
  }
});

function release(event) {
  if (pressed.delete(event.pointerId) && event.type === "pointerup" && strayed <= 3 && !pressed.size) {
    show(nearest(...place(event), REACH[event.pointerType]));
  }
  canvas.classList.toggle("dragged", pressed.size > 0);
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "touch") show(-1);
});

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 30);
  zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), ...place(event)); // with Ctrl: a pinch on a touch pad
  show(nearest(...place(event), REACH.mouse));
}, { passive: false });

canvas.addEventListener("dblclick", goHome);
document.getElementById("reset").addEventListener("click", goHome);

function step(by) {
  const among = hits ? isHit : seen;
  for (let count = 1, i = current < 0 && by < 0 ? n : current; count <= n; count++) {
    i = (i + by + n) % n;
    if (among[i]) return show(i);
  }
}

const KEYS = {
  ArrowRight: () => step(1), ArrowDown: () => step(1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1),
  "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: goHome, Home: goHome, Escape: () => show(-1),
};

canvas.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key]();
});

query.addEventListener("input", select);
query.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && query.value) {
    query.value = "";
    select();
  } else if (event.key === "Enter" && !event.isComposing) jump(event.shiftKey ? -1 : 1); // composing: Enter picks a kanji
});
query.form.addEventListener("submit", (event) => event.preventDefault());

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
new ResizeObserver(resize).observe(canvas);
query.value = ""; // a reload keeps it in some browsers
resize();
restyle();
