"use strict";
// Figures, drawn by Observable Plot as SVG; each can be saved.

const STYLE = { background: "none", color: "var(--ink)", fontSize: "12px", fontFamily: "inherit" };
const widthOf = (place, most = 1100) => Math.max(300, Math.min(place.clientWidth || 600, most));
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// Draws into a place, again when its width changes; `draw(width)` returns an SVG element.
function figure(place, title, file, describe, draw, most) {
  const picture = el("div", { class: "picture" });
  const button = el("button", { type: "button", onclick: () => saveSvg(picture.querySelector("svg"), file) }, "Save as SVG");
  place.replaceChildren(el("figure", {}, el("figcaption", {}, title, button), picture));
  let width = 0;
  const redraw = () => {
    const wanted = widthOf(place, most);
    if (Math.abs(wanted - width) < 8) return;
    width = wanted;
    const svg = draw(width);
    svg.setAttribute("role", "img");
    svg.querySelectorAll("g[aria-label]").forEach((group) => group.removeAttribute("aria-label")); // the picture has one
    svg.setAttribute("aria-label", describe);
    picture.replaceChildren(svg);
  };
  redraw();
  place.redraw = redraw;
}

// A figure that is drawn when it comes near the screen, so that the page opens at once.
function lazyFigure(place, ...rest) {
  const watcher = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      figure(place, ...rest);
    },
    { rootMargin: "400px" },
  );
  place.style.minHeight = "12rem";
  watcher.observe(place);
}

function saveSvg(svg, file) {
  const copy = svg.cloneNode(true);
  const colours = getComputedStyle(document.documentElement);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.style.background = colours.getPropertyValue("--ground");
  const text = new XMLSerializer().serializeToString(copy);
  const resolved = text.replace(/var\((--[\w-]+)\)/g, (_, name) => colours.getPropertyValue(name).trim() || "currentColor");
  save(file, "image/svg+xml", resolved.replaceAll("currentColor", colours.getPropertyValue("--ink").trim()));
}

// The names of rows at the left, as wide as the picture allows: what a figure of one row per cell type is given to plot.
function namedRows(width, most, rows) {
  const left = Math.min(0.42 * width, most);
  const letters = Math.floor((left - 12) / 7.2);
  const names = new Map(rows.map((row) => [row.key, shortened(row.name, letters)]));
  return { width, marginLeft: left, marginTop: 34, style: STYLE, y: { label: null, domain: [...names.keys()], tickFormat: (key) => names.get(key), tickSize: 0 } };
}

// One row per cell type: a value, perhaps its interval and the spread of members, before where most genes lie.
function stripFigure(width, rows, unit, { zero = false } = {}) {
  return Plot.plot({
    ...namedRows(width, 260, rows),
    height: 64 + 17 * rows.length,
    x: { label: unit, grid: true, axis: "top", nice: true, ticks: Math.max(3, Math.round(width / 120)) },
    marks: [
      zero ? Plot.ruleX([0], { stroke: "var(--grey)" }) : null,
      Plot.barX(rows.filter((row) => known(row.low)), { y: "key", x1: "low", x2: "high", fill: "var(--fill)", insetTop: 4, insetBottom: 4, fillOpacity: 0.7 }),
      Plot.ruleY(rows.filter((row) => known(row.lower)), { y: "key", x1: "lower", x2: "upper", stroke: (row) => (row.weak ? "var(--grey)" : "var(--blue)"), strokeWidth: 1.5 }),
      Plot.ruleY(rows.filter((row) => known(row.spread)), { y: "key", x1: (row) => row.value - row.spread, x2: (row) => row.value + row.spread, stroke: (row) => (row.weak ? "var(--grey)" : "var(--blue)"), strokeWidth: 4 }),
      zero ? Plot.ruleY(rows, { y: "key", x1: 0, x2: "value", stroke: (row) => (row.weak ? "var(--grey)" : "var(--blue)"), strokeWidth: 2 }) : null,
      Plot.dot(rows, { y: "key", x: "value", r: 4, fill: (row) => (row.weak ? "var(--grey)" : "var(--mark)") }),
      Plot.tip(rows, Plot.pointerY({ y: "key", x: "value", fill: "var(--ground)", stroke: "var(--grey)", title: (row) => row.title })),
    ],
  });
}

// Boxes from quantiles that were computed before: 5, 25, 50, 75, 95 %.
function boxFigure(width, rows, unit) {
  const colour = (row) => (row.weak ? "var(--grey)" : "var(--blue)");
  return Plot.plot({
    ...namedRows(width, 240, rows),
    height: 64 + 15 * rows.length,
    x: { label: `predicted, ${unit}`, grid: true, axis: "top" },
    marks: [
      Plot.ruleY(rows, { y: "key", x1: (row) => row.q[0], x2: (row) => row.q[4], stroke: colour }),
      Plot.barX(rows, { y: "key", x1: (row) => row.q[1], x2: (row) => row.q[3], fill: "var(--fill)", stroke: colour, insetTop: 1, insetBottom: 1 }),
      Plot.tickX(rows, { y: "key", x: (row) => row.q[2], stroke: "var(--mark)", strokeWidth: 2 }),
      Plot.tip(rows, Plot.pointerY({ y: "key", x: (row) => row.q[2], fill: "var(--ground)", stroke: "var(--grey)", title: (row) => `${row.name}\nmedian ${row.q[2].toFixed(2)}\nhalf of all: ${row.q[1].toFixed(2)} to ${row.q[3].toFixed(2)}` })),
    ],
  });
}

function correlationFigure(width, names, values) {
  const n = names.length;
  const cells = values.flatMap((row, y) => row.map((value, x) => ({ x, y, value })));
  const lowest = d3.min(cells, (cell) => (known(cell.value) ? cell.value : 1));
  const left = Math.min(0.3 * width, 170);
  const label = (place) => ((width - left) / n < 8 ? "" : shortened(names[place], Math.floor(left / (n > 30 ? 5.4 : 7.2))));
  return Plot.plot({
    width,
    height: width - left + 110,
    marginLeft: left,
    marginBottom: 20,
    style: { ...STYLE, fontSize: n > 30 ? "9px" : "12px" },
    x: { axis: null, domain: d3.range(n) },
    y: { label: null, domain: d3.range(n), tickFormat: label, tickSize: 0 },
    color: { scheme: "YlGnBu", domain: [Math.min(lowest, 0.99), 1], unknown: "var(--grey)", legend: false },
    marks: [
      Plot.cell(cells, { x: "x", y: "y", fill: "value", inset: 0.25 }),
      Plot.tip(cells, Plot.pointer({ x: "x", y: "y", fill: "var(--ground)", stroke: "var(--grey)", title: (cell) => `${names[cell.x]}\n${names[cell.y]}\n${known(cell.value) ? cell.value.toFixed(3) : "not defined"}` })),
    ],
  });
}

function histogramFigure(width, shares, rows) {
  return Plot.plot({
    width,
    height: 240,
    marginLeft: 56,
    style: STYLE,
    x: { label: "share of N in the window", domain: [0, 1], percent: false },
    y: { label: rows, grid: true, type: "symlog", constant: 1, ticks: [0, 1, 10, 100, 1000, 10000, 100000], tickFormat: (count) => whole(count) },
    marks: [
      Plot.rectY(shares, Plot.binX({ y: "count" }, { x: (share) => share, thresholds: d3.range(0, 1, 0.025), fill: "var(--blue)", inset: 0.5 })),
      Plot.ruleY([0], { stroke: "var(--grey)" }),
    ],
  });
}

function truthFigure(width, points, unit) {
  const [low, high] = d3.extent(points.flatMap((point) => [point.x, point.y]));
  const margin = 0.05 * (high - low || 1);
  const domain = [low - margin, high + margin];
  const many = points.length > 3000;
  const channels = { x: "x", y: "y" };
  return Plot.plot({
    width,
    height: width,
    marginLeft: 48,
    style: STYLE,
    x: { label: `known, ${unit}`, domain, grid: true },
    y: { label: `predicted, mean over cell types`, domain, grid: true },
    color: { scheme: "Blues", type: "log", legend: false },
    marks: [
      many
        ? Plot.dot(points, Plot.hexbin({ fill: "count" }, { ...channels, binWidth: 9, symbol: "hexagon", r: 5, stroke: "none" }))
        : Plot.dot(points, { ...channels, r: 3, fill: "var(--blue)", fillOpacity: 0.6 }),
      Plot.link([0], { x1: domain[0], y1: domain[0], x2: domain[1], y2: domain[1], stroke: "var(--grey)", strokeDasharray: "5,4" }),
      many ? null : Plot.tip(points, Plot.pointer({ ...channels, fill: "var(--ground)", stroke: "var(--grey)", title: (point) => `${point.name}\nknown ${point.x.toFixed(2)}\npredicted ${point.y.toFixed(2)}` })),
    ],
  });
}
