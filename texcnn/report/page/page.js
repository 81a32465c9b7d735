"use strict";
// Puts the tables, cards and figures of the page together.

const theme = document.getElementById("theme");

function useTheme(name) {
  document.documentElement.dataset.theme = name;
  theme.setAttribute("aria-pressed", String(name === "dark"));
}
useTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
theme.addEventListener("click", () => useTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

document.getElementById("copy-methods").addEventListener("click", async () => {
  const cited = [...document.querySelectorAll("#citations li")].map((item, place) => `${place + 1}. ${item.textContent}`);
  const text = [document.getElementById("methods-text").textContent, ...cited].join("\n");
  const status = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied.";
  } catch {
    save("methods.txt", "text/plain", `${text}\n`); // pages opened as a file may not use the clipboard
    status.textContent = "Saved as methods.txt.";
  }
});

class Report {
  constructor(data, values) {
    Object.assign(this, data);
    this.values = values;
    this.n = this.genes.gene_id.length;
    this.width = this.cellTypes.length * (1 + this.endings.length);
    this.label = (place) => this.cellTypes[place].name + (this.cellTypes[place].name === this.cellTypes[place].id ? "" : ` (${this.cellTypes[place].id})`);
  }

  value(row, cellType) {
    return this.values[row * this.width + cellType];
  }

  // A column behind the cell types: "lower" and "upper" of the interval, "spread" of an ensemble's members.
  behind(row, cellType, ending) {
    const place = this.endings.indexOf(ending);
    return place < 0 ? null : this.values[row * this.width + this.cellTypes.length + this.endings.length * cellType + place];
  }

  // The ends of the 90 % interval: of the table, or interpolated from the model's errors on held-out genes.
  ends(row, cellType) {
    if (this.endings.includes("lower")) return ["lower", "upper"].map((ending) => this.behind(row, cellType, ending));
    if (!this.interval) return [null, null];
    const value = this.value(row, cellType);
    const column = (matrix) => matrix.map((line) => line[cellType]);
    const at = column(this.interval.at);
    const floor = this.unit.startsWith("log10(") ? -1 : -Infinity;
    return ["lower", "upper"].map((end) => {
      const errors = column(this.interval[end]);
      const error = at.length > 1 ? d3.scaleLinear(at, errors).clamp(true)(value) : errors[0];
      return Math.max(value + error, floor);
    });
  }

  // The mean over the cell types of how far the members of an ensemble differ.
  meanSpread(row) {
    const spreads = this.cellTypes.map((_, place) => this.behind(row, place, "spread")).filter(known);
    return spreads.length ? fixed(2)(d3.mean(spreads)) : null;
  }

  show() {
    if (this.n) {
      this.showGenes();
      this.showFigures();
    }
    this.showCellTypes();
    if (this.variants) this.showVariants();
    if (this.metrics) this.showMetrics();
    if (this.skipped?.length) this.showSkipped("skipped-table", "Skipped rows", "skipped.tsv", "gene_id", this.skipped);
    if (this.skippedAlleles?.length) this.showSkipped("skipped-allele-table", "Skipped alleles", "skipped_alleles.tsv", "allele", this.skippedAlleles);
  }

  showGenes() {
    const genes = this.genes;
    const shown = choice(["mean", "mean over cell types"], ...this.cellTypes.map((_, place) => [place, this.label(place)]));
    const value = () => {
      if (shown.value === "mean") return { key: "mean", title: "Mean", get: (row) => this.means[row], show: fixed(3), number: true };
      const place = Number(shown.value);
      const { id } = this.cellTypes[place];
      return { key: id, title: id, get: (row) => this.value(row, place), show: fixed(3), number: true };
    };
    const from = (key, title, more = {}) => (genes[key] ? [{ key, title, get: (row) => genes[key][row], ...more }] : []);
    const special = this.standOut
      ? [
          { key: "stands_out_in", title: "Stands out in", get: (row) => this.cellTypes[this.standOut.cellType[row]].name },
          { key: "excess", title: "Excess", get: (row) => this.standOut.excess[row], show: fixed(3), number: true },
        ]
      : [];
    const columns = () => [
      { key: "gene_name", title: "Gene", get: (row) => genes.gene_name[row] || genes.gene_id[row] },
      ...from("gene_id", "Id"),
      ...from("transcript_id", "Transcript"),
      value(),
      ...from("percentile", "Percentile", { show: fixed(1), number: true }),
      ...special,
      { key: "known", title: "Known bases", get: (row) => 1 - genes.n_fraction[row], show: percent, number: true },
      ...from("features", "Features"),
      ...from("in_training", "In training"),
      ...from("chrom", "Chromosome"),
      ...from("tss", "TSS", { show: whole, number: true }),
      ...from("strand", "Strand"),
    ];
    const least = el("input", { type: "number", min: "0", max: "100", step: "5", value: "0" });
    const filters = [
      { label: "Value shown", control: shown, keep: () => true },
      { label: "Known bases, at least %", control: least, keep: (row) => 100 * (1 - genes.n_fraction[row]) >= Number(least.value) },
    ];
    for (const [key, label] of [["in_training", "In training"], ["features", "Features"]]) {
      if (!genes[key]) continue;
      const select = choice(["", "all"], ...[...new Set(genes[key])].sort().map((each) => [each, each]));
      filters.push({ label, control: select, keep: (row) => !select.value || genes[key][row] === select.value });
    }
    const table = new DataTable(document.getElementById("gene-table"), {
      label: "Genes", file: "genes.tsv", n: this.n, columns: columns(), filters,
      search: (row) => [genes.gene_id[row], genes.gene_name[row], genes.transcript_id?.[row], genes.chrom[row]].join(" ").toLowerCase(),
      open: (row) => this.openGene(row),
      sort: { key: "mean", descending: true },
    });
    table.places = genes;
    shown.addEventListener("input", () => {
      table.sortKey = value().key;
      table.descending = true;
      table.setColumns(columns());
    });
    table.query.closest(".tools").append(el("button", { type: "button", onclick: () => this.saveAll() }, "Save all values as TSV"));
  }

  saveAll() {
    const genes = Object.keys(this.genes).map((key) => ({ key, get: (row) => this.genes[key][row] }));
    const cellTypes = this.cellTypes.map(({ id }, place) => ({ key: id, get: (row) => this.value(row, place) }));
    saveTable("predictions.tsv", [...genes, ...cellTypes], d3.range(this.n));
  }

  openGene(row) {
    const genes = this.genes;
    const card = document.getElementById("gene-card");
    const facts = [
      ["Id", genes.gene_id[row]],
      ["Transcript", genes.transcript_id?.[row]],
      ["Place", `${genes.chrom[row]}:${whole(genes.tss[row])} (${genes.strand[row]})`],
      ["Mean", fixed(3)(this.means[row])],
      ["Percentile", genes.percentile && fixed(1)(genes.percentile[row])],
      ["Spread of members, mean", this.meanSpread(row)],
      ["Known bases", percent(1 - genes.n_fraction[row])],
      ["Features", genes.features?.[row]],
      ["In training", genes.in_training?.[row]],
    ];
    const name = genes.gene_name[row] || genes.gene_id[row];
    const rows = this.cellTypes.map((cellType, place) => {
      const value = this.value(row, place);
      const [lower, upper] = this.ends(row, place);
      const [low, high] = [this.quantiles[place][0], this.quantiles[place][4]];
      const interval = known(lower) ? `\n90 % interval ${lower.toFixed(2)} to ${upper.toFixed(2)}` : "";
      const figure = known(cellType.heldOut) ? `\nheld-out squared Pearson ${cellType.heldOut.toFixed(2)}` : "";
      const spread = this.behind(row, place, "spread");
      const apart = known(spread) ? `\nspread of members ${spread.toFixed(2)}` : "";
      return { key: cellType.id, name: cellType.name, value, lower, upper, low, high, spread, weak: cellType.weak, title: `${this.label(place)}\n${value.toFixed(3)}${interval}${apart}${figure}` };
    });
    this.openCard(card, name, facts, rows, { file: `${name}.svg`, unit: `predicted, ${this.unit}`, note: `${name}: dots are predictions${this.endings.includes("lower") || this.interval ? ", lines 90 % intervals" : ""}${this.endings.includes("spread") ? ", thick lines the spread of the model's members" : ""}, pale bars where 90 % of all ${this.rows} lie` });
  }

  openCard(card, name, facts, rows, { file, unit, note, zero = false }) {
    const list = el("dl");
    for (const [term, text] of facts) if (known(text) && text !== "") list.append(el("div", {}, el("dt", {}, term), el("dd", {}, text)));
    const place = el("div");
    const order = choice(["value", "by value"], ["table", "in the table's order"]);
    const close = el("button", { type: "button", onclick: () => { card.hidden = true; } }, "Close");
    const tools = el("div", { class: "tools" }, el("label", {}, "Cell types", order), close);
    card.replaceChildren(el("h3", {}, name), list, tools, place);
    card.hidden = false;
    const draw = () => {
      const sorted = order.value === "value" ? d3.sort(rows, (row) => -row.value) : rows;
      figure(place, note, file, `${note}. ${sorted.slice(0, 5).map((row) => `${row.name} ${row.value.toFixed(2)}`).join(", ")}, and so on.`, (width) => stripFigure(width, sorted, unit, { zero }), 900);
    };
    order.addEventListener("input", draw);
    draw();
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  showCellTypes() {
    const all = this.cellTypes;
    const figure = all.some(({ heldOut }) => known(heldOut));
    new DataTable(document.getElementById("cell-type-table"), {
      label: "Cell types", file: "cell_types.tsv", n: all.length, pageSize: 60,
      search: (row) => Object.values(all[row]).join(" ").toLowerCase(),
      rowClass: (row) => (all[row].weak ? "weak" : ""),
      columns: [
        { key: "cell_type", title: "Id", get: (row) => all[row].id },
        { key: "name", title: "Name", get: (row) => all[row].name + (all[row].summary ? " (no cell type)" : "") },
        ...(all.some(({ group }) => group) ? [{ key: "group", title: "Group", get: (row) => all[row].group }] : []),
        ...(figure ? [
          { key: "held_out_squared_pearson", title: "Held-out figure", get: (row) => all[row].heldOut, show: fixed(2), number: true },
          { key: "weak", title: "Weak", get: (row) => (all[row].weak ? "weak" : "") },
        ] : []),
        ...(this.n ? [["median", 2], ["q25", 1], ["q75", 3]].map(([key, q]) => ({ key, title: { median: "Median", q25: "25 %", q75: "75 %" }[key], get: (row) => this.quantiles[row][q], show: fixed(2), number: true })) : []),
      ],
    });
  }

  showFigures() {
    const boxes = d3.sort(this.cellTypes.map((cellType, place) => ({ key: cellType.id, name: cellType.name, weak: cellType.weak, q: this.quantiles[place] })), (row) => -row.q[2]);
    lazyFigure(document.getElementById("distribution-figure"), `Predictions per cell type`, "distribution.svg",
      `Box plot of ${boxes.length} cell types, medians from ${boxes.at(-1).q[2].toFixed(2)} to ${boxes[0].q[2].toFixed(2)}`,
      (width) => boxFigure(width, boxes, this.unit), 760);
    if (this.correlation) {
      const names = this.correlation.order.map((place) => this.cellTypes[place].name);
      const lowest = d3.min(this.correlation.values.flat(), (value) => (known(value) ? value : 1));
      lazyFigure(document.getElementById("correlation-figure"), `Pearson correlation of cell types over genes, from ${lowest.toFixed(2)} (pale) to 1 (dark); similar ones are neighbours`, "correlation.svg",
        `Heat map of Pearson correlations between ${names.length} cell types, from ${lowest.toFixed(2)} to 1`, (width) => correlationFigure(width, names, this.correlation.values), 760);
    }
    lazyFigure(document.getElementById("windows-figure"), "How many windows have how many unknown bases", "windows.svg",
      `Histogram of the share of N: ${this.genes.n_fraction.filter((share) => share > 0).length} of ${this.n} windows have some`,
      (width) => histogramFigure(width, this.genes.n_fraction, this.rows), 760);
    if (this.truth?.rows.length) {
      const points = this.truth.rows.map((row, place) => ({ x: this.truth.true[place], y: this.truth.predicted[place], name: this.genes.gene_name[row] || this.genes.gene_id[row] }));
      lazyFigure(document.getElementById("truth-figure"), "Predicted against known", "truth.svg",
        `Scatter of predicted against known expression of ${points.length} ${this.rows}`, (width) => truthFigure(width, points, this.unit), 560);
    }
  }

  showVariants() {
    const { records, cellTypes, matrices } = this.variants;
    const n = records.pos.length, width = cellTypes.length;
    const infos = new Map(this.cellTypes.map((cellType) => [cellType.id, cellType]));
    const at = (name, row, place) => this.effects[name][row * width + place];
    const largest = d3.range(n).map((row) => d3.maxIndex(d3.range(width), (place) => Math.abs(at("delta", row, place))));
    const mean = d3.range(n).map((row) => d3.mean(d3.range(width), (place) => at("delta", row, place)));
    const from = (key, title, more = {}) => (records[key] ? [{ key, title, get: (row) => records[key][row], ...more }] : []);
    const least = el("input", { type: "number", min: "0", step: "0.01", value: "0" });
    const far = el("input", { type: "number", min: "0", step: "100", placeholder: "any" });
    const sign = choice(["", "any"], ["1", "up"], ["-1", "down"]);
    const change = (row) => at("delta", row, largest[row]);
    const table = new DataTable(document.getElementById("variant-table"), {
      label: "Variants", file: "variants.tsv", n,
      search: (row) => [records.id?.[row], `${records.chrom[row]}:${records.pos[row]}:${records.ref[row]}>${records.alt[row]}`, records.gene_id[row], records.gene_name?.[row]].join(" ").toLowerCase(),
      filters: [
        { label: "Largest |delta|, at least", control: least, keep: (row) => Math.abs(change(row)) >= Number(least.value) },
        ...(records.distance_to_tss ? [{ label: "Distance to TSS, at most bp", control: far, keep: (row) => far.value === "" || Math.abs(records.distance_to_tss[row]) <= Number(far.value) }] : []),
        { label: "Direction", control: sign, keep: (row) => !sign.value || Math.sign(change(row)) === Number(sign.value) },
      ],
      columns: [
        { key: "variant", title: "Variant", get: (row) => `${records.chrom[row]}:${records.pos[row]} ${shortened(records.ref[row], 12)}>${shortened(records.alt[row], 12)}` },
        ...from("id", "Id"),
        { key: "gene", title: "Gene", get: (row) => records.gene_name?.[row] || records.gene_id[row] },
        ...from("distance_to_tss", "Distance to TSS", { show: whole, number: true }),
        { key: "mean_delta", title: "Mean delta", get: (row) => mean[row], show: signed, number: true },
        { key: "largest_delta", title: "Largest delta", get: change, order: (row) => Math.abs(change(row)), show: signed, number: true },
        { key: "in_cell_type", title: "In cell type", get: (row) => infos.get(cellTypes[largest[row]])?.name ?? cellTypes[largest[row]] },
        ...(matrices.includes("quantile") ? [{ key: "quantile", title: "Quantile there", get: (row) => at("quantile", row, largest[row]), show: fixed(3), number: true }] : []),
      ],
      sort: { key: "largest_delta", descending: true },
      open: (row) => {
        const name = `${records.chrom[row]}:${whole(records.pos[row])} ${records.ref[row]}>${records.alt[row]}`;
        const facts = [["Gene", records.gene_name?.[row]], ["Gene id", records.gene_id[row]], ["Transcript", records.transcript_id?.[row]], ["Id", records.id?.[row]],
          ["TSS", records.tss && whole(records.tss[row])], ["Distance to TSS", records.distance_to_tss && `${whole(records.distance_to_tss[row])} bp`], ["Mean delta", signed(mean[row])]];
        const rows = cellTypes.map((id, place) => {
          const info = infos.get(id) ?? { name: id, weak: false };
          const delta = at("delta", row, place), reference = at("ref_prediction", row, place);
          const rank = matrices.includes("quantile") ? `\nquantile ${fixed(3)(at("quantile", row, place))}` : "";
          return { key: id, name: info.name, weak: info.weak, value: delta, title: `${info.name}\ndelta ${signed(delta)}\nreference ${fixed(3)(reference)}${rank}` };
        });
        this.openCard(document.getElementById("variant-card"), name, facts, rows, { file: "variant.svg", unit: `delta, ${this.unit}`, note: `${name}: alternative - reference`, zero: true });
      },
    });
    table.places = { chrom: records.chrom, tss: records.pos };
  }

  showMetrics() {
    const { columns, rows } = this.metrics;
    const places = columns.map((_, place) => place);
    const counts = new Set(["n_genes"]);
    new DataTable(document.getElementById("metrics-table"), {
      label: "Figures", file: "metrics.tsv", n: rows.length,
      search: (row) => rows[row].slice(0, 2).join(" ").toLowerCase(),
      columns: places.map((place) => {
        const number = rows.some((row) => typeof row[place] === "number");
        return { key: columns[place], title: columns[place].replaceAll("_", " "), get: (row) => rows[row][place], show: number ? (counts.has(columns[place]) ? whole : fixed(3)) : undefined, number };
      }),
    });
  }

  showSkipped(place, label, file, key, skipped) {
    new DataTable(document.getElementById(place), {
      label, file, n: skipped.length, pageSize: 10,
      search: (row) => skipped[row].join(" ").toLowerCase(),
      columns: [
        { key, title: key === "allele" ? "Allele" : "Id", get: (row) => skipped[row][0] },
        { key: "reason", title: "Reason", get: (row) => skipped[row][1], text: true },
      ],
    });
  }
}

async function start() {
  const [data, values] = await Promise.all([readJson("data"), readFloats("values")]);
  const report = new Report(data, values);
  report.effects = {};
  for (const name of data.variants?.matrices ?? []) report.effects[name] = await readFloats(`variants-${name}`);
  report.show();
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => document.querySelectorAll("div").forEach((place) => place.redraw?.()), 150);
  });
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => {
  const failure = document.getElementById("failure");
  failure.textContent = `The page could not show its data (${error.message}). A browser of 2023 or later is needed.`;
  failure.hidden = false;
  throw error;
});
