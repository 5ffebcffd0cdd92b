"use strict";
// Charts by Vega-Lite, and those of the results: one row for each row of the table, linked by pointing.

// Of the charts; on a phone they are one below the other.
const MOST_ROWS = { narrow: 30, wide: 80 };
const drawn = new Map();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function theme() {
  const [text, line] = [colour("text"), colour("line")];
  const axis = { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line, gridOpacity: 0.5 };
  return {
    background: "transparent", font: "system-ui, sans-serif", view: { stroke: line },
    axis: { ...axis, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: text, titleColor: text, orient: "top", symbolSize: 80, symbolOpacity: 1, labelLimit: 260 },
    title: { color: text, anchor: "start", fontSize: 13 }, text: { color: text },
  };
}

// Draw a specification into an element, which gets its description; a later call replaces an earlier one's chart.
async function draw(id, spec, description, onClick) {
  const element = byId(id);
  const turn = (drawn.get(id)?.turn ?? 0) + 1;
  const before = drawn.get(id)?.result;
  drawn.set(id, { ...drawn.get(id), turn });
  const inner = make("div", { role: "img", "aria-label": description });
  const result = await vegaEmbed(inner, { ...spec, config: theme() }, {
    mode: "vega-lite", renderer: "svg", ast: true, tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" },
    actions: false,
  });
  if (drawn.get(id).turn !== turn) return result.finalize();
  if (onClick) result.view.addEventListener("click", (_, item) => item?.datum && onClick(item.datum));
  before?.finalize();
  inner.querySelector("svg").setAttribute("aria-hidden", "true"); // the table beside a chart has all its numbers
  element.replaceChildren(inner);
  drawn.set(id, { turn, result });
  return undefined;
}

const kindOf = (loader) => ["threads", "asyncio", "uvloop"].find((kind) => loader.includes(kind)) ?? "other";
const KINDS = ["threads", "asyncio", "uvloop", "other"];

function chartValues(rows) {
  return rows.map((row) => {
    const floor = data.campaigns[row.campaign].experiments.find((one) => one.name === row.experiment).floor;
    const ends = (name) => (row[name] ? Object.fromEntries(["", "_low", "_high"].map((end, place) => [name + end, row[name][place]])) : {});
    return {
      place: row.place, label: row.label, kind: kindOf(row.source.loader), meaning: row.meaning,
      ...ends("rate"), ...ends("ratio"), ...ends("cpu_us"), ...ends("p99_ms"), instructions: row.instructions,
      client_share: row.client_share, server_share: row.server_share, bottleneck: row.bottleneck || NONE, reason: row.reason,
      rateText: formatInterval(row.rate), ratioText: row.ratio ? `${formatInterval(row.ratio)}, ${row.meaning}` : row.meaning,
      cpuText: formatInterval(row.cpu_us), latencyText: formatInterval(row.p99_ms), instructionsText: format(row.instructions),
      runs: `${row.ok} of ${row.planned} ok`, disturbed: `${row.disturbed} runs`,
      floor_low: floor ? 1 / floor : null, floor_high: floor,
    };
  });
}

function tooltip(unit) {
  const fields = [["label", "row"], ["rateText", `${plural(unit)}/s`], ["ratioText", "ratio"], ["cpuText", `client CPU µs/${unit}`],
    ["instructionsText", `instructions/${unit}`], ["latencyText", "latency p99, ms"], ["bottleneck", "bottleneck"], ["runs", "runs"], ["disturbed", "disturbed"]];
  return fields.map(([field, title]) => ({ field, title, type: "nominal" }));
}

// One chart of medians with intervals. `labels`: the width of the rows' names, 0 where they are above their points.
function panel(name, title, { width, labels, first, unit, narrow, known, domain, scale = { zero: true }, more = [], format: form }) {
  const named = first && !narrow ? { labelLimit: labels, minExtent: labels, maxExtent: labels } : { labels: false, ticks: false };
  const x = { field: name, type: "quantitative", title: null, scale, axis: { tickCount: 4, ...(form ? { format: form } : {}) } };
  const hollow = { test: "datum.meaning !== 'significant' && datum.meaning !== 'baseline'", value: colour("ground") };
  const kind = { field: "kind", type: "nominal", scale: { domain: KINDS, range: KINDS.map(colour) }, legend: null };
  const name_above = { mark: { type: "text", align: "left", dy: -12, fontSize: 12, limit: width }, encoding: { x: { value: 2 }, text: { field: "label" }, color: { value: colour("text") } } };
  return {
    title: { text: title, frame: "bounds", limit: width + (first ? labels : 0) }, width, height: { step: narrow ? 34 : 17 },
    encoding: { y: { field: "label", type: "nominal", sort: null, scale: { domain }, axis: { title: null, grid: false, ...named } }, color: kind },
    layer: [
      ...more,
      ...(narrow ? [name_above] : []),
      ...(known.has(`${name}_low`) ? [{ mark: { type: "rule", strokeWidth: 1.5 }, encoding: { x: { ...x, field: `${name}_low` }, x2: { field: `${name}_high` } } }] : []),
      {
        name: `points-${name}`, mark: { type: "point", strokeWidth: 2, opacity: 1, cursor: "pointer" },
        encoding: { x, fill: { condition: hollow, ...kind }, size: { condition: { param: "hover", empty: false, value: 220 }, value: 60 }, tooltip: tooltip(unit) },
      },
    ],
  };
}

// The shares of their cores that both sides used, and what that makes the bottleneck.
function bottleneckPanel(size) {
  const width = size.width - 90;
  const base = panel("client_share", "Cores used: ● Python ■ PostgreSQL", { ...size, width, scale: { domain: [0, 1] }, format: "%" });
  const python = base.layer.at(-1);
  const server = { mark: { ...python.mark, shape: "square" }, encoding: { ...python.encoding, x: { ...python.encoding.x, field: "server_share" } } };
  const label = { mark: { type: "text", align: "left", dx: 6, fontSize: 11 }, encoding: { x: { value: width }, text: { field: "bottleneck" }, color: { value: colour("text") } } };
  return { ...base, title: { ...base.title, limit: size.width }, layer: [...base.layer.slice(0, -1), python, server, label] };
}

function resultSpec(rows, available) {
  const unit = unitOf(rows);
  const values = chartValues(rows);
  // A scale of nothing is a warning: there are only charts, intervals and bands of what is known.
  const known = new Set(values.flatMap((value) => Object.keys(value).filter((name) => value[name] !== null)));
  const columns = available < 640 ? 1 : available < 1000 ? 2 : 3;
  const narrow = columns === 1;
  const labels = narrow ? 0 : 290;
  const width = Math.floor((available - labels - 24 * columns - 20) / columns);
  const size = { width, labels, unit, narrow, known, domain: rows.map((row) => row.label) }; // the same rows in all
  const band = { mark: { type: "rect", opacity: 0.25 }, encoding: { x: { field: "floor_low", type: "quantitative" }, x2: { field: "floor_high" }, color: { value: colour("other") } } };
  const makers = Object.entries({
    rate: (first) => panel("rate", `Throughput, ${plural(unit)}/s`, { ...size, first }),
    ratio: (first) => panel("ratio", "Ratio, noise floor in grey", { ...size, first, scale: { type: "log", nice: false, padding: 8 }, more: known.has("floor_low") ? [band] : [] }),
    client_share: (first) => bottleneckPanel({ ...size, first }),
    cpu_us: (first) => panel("cpu_us", `Client CPU, µs/${unit}`, { ...size, first }),
    instructions: (first) => panel("instructions", `Client instructions/${unit}`, { ...size, first, format: "~s" }),
    p99_ms: (first) => panel("p99_ms", "Latency p99, ms", { ...size, first }),
  });
  const panels = makers.filter(([name]) => known.has(name)).map(([, maker], place) => maker(place % columns === 0));
  const names = panels.flatMap((one) => one.layer.map((layer) => layer.name).filter(Boolean));
  return {
    data: { values }, columns, concat: panels, spacing: 20, align: "each",
    params: [{ name: "hover", select: { type: "point", on: "pointerover", clear: "pointerout", fields: ["label"] }, views: names }],
  };
}

function drawResults(rows) {
  const available = byId("charts").clientWidth;
  const most = available < 640 ? MOST_ROWS.narrow : MOST_ROWS.wide;
  const measured = rows.filter((row) => row.rate);
  const shown = measured.slice(0, most);
  byId("cut").textContent = measured.length > most ? `The charts have the first ${most} of ${measured.length} measured rows; sort or filter to see others.` : "";
  if (!shown.length) return byId("charts").replaceChildren();
  labelRows(shown);
  const description = `Charts of ${shown.length} rows; the table below has their numbers`;
  return draw("charts", resultSpec(shown, available), description, (datum) => {
    if (datum.place !== undefined) location.hash = `cell=${data.rows[datum.place].source.key}`;
  });
}
