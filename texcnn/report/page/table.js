"use strict";
// A table that is searched, sorted, filtered, turned page by page, and saved.

class DataTable {
  // columns: [{key, title, get(row), show(value), number, order(row)}], sorted by order or get; search(row) -> lower-case text;
  // filters: [{label, control, keep(row)}], where control is an input or a select.
  constructor(place, { label, file, n, columns, search, filters = [], open, sort, rowClass, pageSize = 15 }) {
    Object.assign(this, { label, file, n, columns, search, filters, open, rowClass, pageSize });
    this.sortKey = sort?.key ?? null;
    this.descending = sort?.descending ?? false;
    this.page = 0;
    this.texts = search ? Array.from({ length: n }, (_, row) => search(row)) : [];
    this.query = el("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    this.query.addEventListener("input", () => this.refresh());
    const tools = el("div", { class: "tools" });
    if (search) tools.append(el("label", {}, `Search ${label.toLowerCase()}`, this.query));
    for (const filter of filters) {
      filter.control.addEventListener("input", () => this.refresh());
      tools.append(el("label", {}, filter.label, filter.control));
    }
    tools.append(el("button", { type: "button", onclick: () => saveTable(file, this.columns, this.rows) }, "Save as TSV"));
    this.head = el("tr");
    this.body = el("tbody");
    const table = el("table", {}, el("caption", { class: "hidden" }, label), el("thead", {}, this.head), this.body);
    this.count = el("span", { role: "status" });
    this.back = el("button", { type: "button", onclick: () => this.turn(-1) }, "Previous");
    this.forth = el("button", { type: "button", onclick: () => this.turn(1) }, "Next");
    const pager = el("div", { class: "pager" }, this.back, this.forth, this.count);
    place.append(tools, el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Table: ${label}` }, table), pager);
    this.setColumns(columns);
  }

  setColumns(columns) {
    this.columns = columns;
    this.head.replaceChildren(
      ...columns.map((column) => {
        const heading = el("th", { scope: "col", class: column.number ? "n" : null, title: column.help ?? null });
        heading.append(el("button", { type: "button", onclick: () => this.sortBy(column) }, column.title));
        return heading;
      }),
    );
    this.refresh();
  }

  sortBy(column) {
    this.descending = this.sortKey === column.key ? !this.descending : Boolean(column.number);
    this.sortKey = column.key;
    this.refresh();
  }

  turn(pages) {
    this.page += pages;
    this.draw();
  }

  refresh() {
    const place = /^(\S+):([\d,]+)-([\d,]+)$/.exec(this.query.value.trim());
    const words = place ? [] : this.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    for (let row = 0; row < this.n; row++) {
      if (words.length && !words.every((word) => this.texts[row].includes(word))) continue;
      if (place && !this.inPlace(row, place)) continue;
      if (this.filters.every((filter) => filter.keep(row))) rows.push(row);
    }
    const column = this.columns.find((each) => each.key === this.sortKey);
    if (column) {
      const sign = this.descending ? -1 : 1;
      const order = column.order ?? column.get;
      const values = new Map(rows.map((row) => [row, order(row)]));
      rows.sort((a, b) => {
        const [x, y] = [values.get(a), values.get(b)];
        if (!known(x) || !known(y)) return known(y) - known(x); // what is not known comes last
        return x < y ? -sign : x > y ? sign : a - b;
      });
    }
    this.rows = rows;
    this.page = 0;
    this.draw();
  }

  inPlace(row, [, chrom, start, end]) {
    const { chrom: chroms, tss } = this.places ?? {};
    const number = (text) => Number(text.replaceAll(",", ""));
    return Boolean(chroms) && chroms[row] === chrom && tss[row] >= number(start) && tss[row] <= number(end);
  }

  draw() {
    const pages = Math.max(1, Math.ceil(this.rows.length / this.pageSize));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const first = this.page * this.pageSize;
    const shown = this.rows.slice(first, first + this.pageSize);
    this.body.replaceChildren(...shown.map((row) => this.drawRow(row)));
    [...this.head.children].forEach((heading, place) => {
      const chosen = this.columns[place].key === this.sortKey;
      heading.setAttribute("aria-sort", chosen ? (this.descending ? "descending" : "ascending") : "none");
      heading.firstChild.textContent = this.columns[place].title + (chosen ? (this.descending ? " ▾" : " ▴") : "");
    });
    this.back.disabled = this.page === 0;
    this.forth.disabled = this.page === pages - 1;
    const last = first + shown.length;
    const all = this.rows.length === this.n ? "" : ` (of ${whole(this.n)})`;
    this.count.textContent = shown.length ? `${whole(first + 1)}–${whole(last)} of ${whole(this.rows.length)}${all}` : `None${all}`;
  }

  drawRow(row) {
    const cells = this.columns.map((column, place) => {
      const value = column.get(row);
      const text = column.show ? column.show(value) : known(value) ? String(value) : "";
      const title = text.length > 30 && !column.text ? text : null; // what does not fit is cut off
      if (place || !this.open) return el("td", { class: column.number ? "n" : column.text ? "text" : null, title }, text);
      return el("td", { title }, el("button", { type: "button", onclick: () => this.choose(row) }, text || "–"));
    });
    const names = [this.rowClass?.(row), row === this.chosen ? "chosen" : ""].filter(Boolean).join(" ");
    return el("tr", { class: names || null }, ...cells);
  }

  choose(row) {
    this.chosen = row;
    this.draw();
    this.open(row);
  }
}

function choice(...options) {
  const select = el("select");
  for (const [value, text] of options) select.append(el("option", { value }, text));
  return select;
}
