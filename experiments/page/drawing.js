"use strict";
// Elements, markers, and a chart of curves, in plain SVG. All text goes in as text: nothing is parsed as HTML.

function put(kind, attributes, ...children) {
  return fill(document.createElement(kind), attributes, children);
}

function draw(kind, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", kind), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Corners of Matplotlib's markers around (0, 0): a polygon's angle to its first corner, its number of corners, inner radius of a star.
const POLYGONS = { "^": [90, 3], v: [-90, 3], "<": [180, 3], ">": [0, 3], s: [45, 4], D: [90, 4], d: [90, 4], p: [90, 5], h: [90, 6], "*": [90, 5, 0.45] };
const LINES = { x: [45, 135], X: [45, 135], "+": [0, 90], P: [0, 90], "|": [90], "1": [-90, 30, 150] };

function marker(kind, x, y, radius) {
  if (kind in LINES) {
    const arms = LINES[kind].map((degrees) => {
      const [dx, dy] = [radius * Math.cos((degrees * Math.PI) / 180), radius * Math.sin((degrees * Math.PI) / 180)];
      return kind === "1" ? `M${x} ${y}L${x + dx} ${y - dy}` : `M${x - dx} ${y + dy}L${x + dx} ${y - dy}`;
    });
    return draw("path", { class: "bar", d: arms.join("") });
  }
  if (!(kind in POLYGONS)) return draw("circle", { class: "mark", cx: x, cy: y, r: radius });
  const [first, count, inner] = POLYGONS[kind];
  const total = inner ? 2 * count : count;
  const corners = Array.from({ length: total }, (_, corner) => {
    const angle = ((first + (360 * corner) / total) * Math.PI) / 180;
    const reach = 1.25 * radius * (inner && corner % 2 ? inner : 1);
    return `${(x + (kind === "d" ? 0.6 : 1) * reach * Math.cos(angle)).toFixed(2)},${(y - reach * Math.sin(angle)).toFixed(2)}`;
  });
  return draw("polygon", { class: "mark", points: corners.join(" ") });
}

function tinted(look) {
  return `--light:${look.light};--dark:${look.dark}`;
}

function swatch(look) {
  const line = draw("path", { d: "M1 7H33", "stroke-width": 2, "stroke-dasharray": look.dashes || null });
  const group = draw("g", { class: "method", style: tinted(look) }, line);
  if (look.marker) group.append(marker(look.marker, 17, 7, 4));
  return draw("svg", { class: "swatch", viewBox: "0 0 34 14", "aria-hidden": "true" }, group);
}

// Round numbers that divide a range into about so many parts.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
}

const written = (number, digits) => (number === null || number === undefined ? "" : number.toFixed(digits).replace("-", "\u2212"));

// Curves: [{name, look, x, y, ci95, faint}], where y may have nulls. The host keeps what was drawn, to draw it anew in another width.
function chart(host, { curves, xLabel, yLabel, label, high, cursor }) {
  host.redraw = () => {
    const width = Math.max(host.clientWidth, 240);
    const height = Math.round(Math.min(440, Math.max(260, 0.55 * width)));
    const [left, right, top, bottom] = [54, 12, 10, 46];
    const every = curves.flatMap((curve) => curve.x.filter((_, place) => curve.y[place] !== null));
    const tops = curves.flatMap((curve) => curve.y.filter((value) => value !== null));
    const [xLow, xHigh] = every.length ? [Math.min(...every), Math.max(...every)] : [0, 1];
    const yHigh = 1.05 * (high ?? Math.max(0, ...tops)) || 1;
    const yLow = Math.min(0, ...tops);
    const xOf = (x) => left + ((x - xLow) / (xHigh - xLow || 1)) * (width - left - right);
    const yOf = (y) => height - bottom - ((y - yLow) / (yHigh - yLow)) * (height - top - bottom);
    const root = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    for (const tick of ticks(yLow, yHigh, 5)) {
      root.append(draw("path", { class: "grid", d: `M${left} ${yOf(tick)}H${width - right}` }));
      root.append(draw("text", { x: left - 6, y: yOf(tick) + 4, "text-anchor": "end" }, String(tick).replace("-", "\u2212")));
    }
    for (const tick of ticks(xLow, xHigh, Math.min(10, width / 60))) {
      root.append(draw("path", { class: "grid", d: `M${xOf(tick)} ${top}V${height - bottom}` }));
      root.append(draw("text", { x: xOf(tick), y: height - bottom + 17, "text-anchor": "middle" }, String(tick)));
    }
    root.append(draw("path", { class: "axis", fill: "none", d: `M${left} ${top}V${height - bottom}H${width - right}` }));
    root.append(draw("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, xLabel));
    const middle = (top + height - bottom) / 2;
    root.append(draw("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, yLabel));
    if (cursor !== undefined) root.append(draw("path", { class: "axis cursor", d: `M${xOf(cursor)} ${top}V${height - bottom}`, "stroke-dasharray": "3 3" }));
    for (const curve of curves) root.append(line(curve, xOf, yOf));
    host.replaceChildren(root);
  };
  host.redraw();
}

function line(curve, xOf, yOf) {
  const { look } = curve;
  const points = curve.x.map((x, place) => [x, curve.y[place], place]).filter(([, y]) => y !== null && y !== undefined);
  const group = draw("g", { class: "method", style: tinted(look), "data-method": curve.name, opacity: curve.faint ? 0.25 : null });
  const path = points.map(([x, y], place) => `${place ? "L" : "M"}${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`).join("");
  group.append(draw("path", { class: "curve", d: path, "stroke-width": 2, "stroke-dasharray": look.dashes || null, "stroke-linejoin": "round" }));
  const each = Math.ceil(points.length / 12);
  for (const [x, y, place] of points) {
    const ci95 = curve.ci95 ? curve.ci95[place] : null;
    if (place % each && points.length > 25) continue;
    if (ci95) group.append(draw("path", { class: "bar", "stroke-width": 1, d: `M${xOf(x)} ${yOf(y - ci95)}V${yOf(y + ci95)}` }));
    if (!look.marker || curve.faint) continue;
    const mark = marker(look.marker, xOf(x), yOf(y), 4);
    mark.append(draw("title", {}, `${look.label}: ${written(y, 2)}${ci95 ? ` \u00b1 ${written(ci95, 2)}` : ""}`));
    group.append(mark);
  }
  return group;
}
