"use strict";
// Data packed into the page: base64 of gzip, JSON or little-endian float32. And how numbers and files are written.

async function unpacked(name) {
  const element = document.getElementById(`blob-${name}`);
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  element.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream);
}

async function readJson(name) {
  return (await unpacked(name)).json();
}

async function readFloats(name) {
  return new Float32Array(await (await unpacked(name)).arrayBuffer());
}

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const minus = (text) => text.replace("-", "−");
const fixed = (digits) => (value) => (known(value) ? minus(value.toFixed(digits)) : "");
const signed = (value) => {
  if (!known(value)) return "";
  const text = value.toFixed(3);
  return Number(text) === 0 ? "0.000" : (value > 0 ? "+" : "") + minus(text);
};
const whole = (value) => (known(value) ? minus(value.toLocaleString("en")) : "");
const percent = (value) => (known(value) ? `${(100 * value).toFixed(value > 0 && value < 0.01 ? 1 : 0)} %` : "");

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (known(value) && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function save(name, type, content) {
  const link = el("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Six significant digits, as the tables of texcnn have.
const plain = (value) => (typeof value === "number" ? String(Number(value.toPrecision(6))) : known(value) ? value : "");

function saveTable(name, columns, rows) {
  const lines = [columns.map((column) => column.key).join("\t")];
  for (const row of rows) lines.push(columns.map((column) => plain(column.get(row))).join("\t"));
  save(name, "text/tab-separated-values", `${lines.join("\n")}\n`);
}
