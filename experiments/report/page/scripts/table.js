"use strict";
// The table: sortable, and saved as CSV or Markdown just as it is shown.

function columnsOf(rows) {
  const unit = unitOf(rows);
  const axes = varying(rows.map((row) => row.source)).filter((axis) => !LOADER_AXES.includes(axis));
  const some = (name) => rows.some((row) => row[name] !== null);
  const text = (title, get) => ({ title, get, text: get });
  const number = (title, get) => ({ title, get, text: (row) => format(get(row)), number: true });
  const interval = (title, name) => ({
    title, interval: (row) => row[name] ?? [null, null, null], get: (row) => row[name]?.[0] ?? null,
    text: (row) => formatInterval(row[name]), number: true,
  });
  return [
    text("loader", (row) => row.source.loader),
    ...axes.map((axis) => text(data.axes[axis], (row) => valueOf(row.source, axis))),
    ...(distinct(rows.map((row) => row.campaign)).length > 1 ? [text("campaign", (row) => data.campaigns[row.campaign].name)] : []),
    ...(distinct(rows.map((row) => row.experiment)).length > 1 ? [text("experiment", (row) => row.experiment)] : []),
    interval(`${plural(unit)}/s`, "rate"),
    interval("ratio", "ratio"),
    text("result", (row) => row.meaning),
    interval(`client CPU µs/${unit}`, "cpu_us"),
    ...(some("instructions") ? [number(`instructions/${unit}`, (row) => row.instructions)] : []),
    ...(some("p50_ms") ? [interval("latency p50, ms", "p50_ms")] : []),
    ...(some("p99_ms") ? [interval("latency p99, ms", "p99_ms")] : []),
    text("bottleneck", (row) => row.bottleneck || NONE),
    text("runs", (row) => `${row.ok} of ${row.planned}`),
    number("disturbed", (row) => row.disturbed),
    { ...text("note", (row) => row.note), style: "note" },
  ];
}

function sortRows(rows, columns) {
  const column = columns.find((one) => one.title === address.get("sort"));
  if (!column) return rows;
  const sign = address.get("order") === "down" ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [column.get(a), column.get(b)];
    if (x === null || y === null) return (x === null) - (y === null); // unknown last, in either order
    return sign * (typeof x === "number" ? x - y : compareNaturally(x, y));
  });
}

function drawTable(rows, columns) {
  const sorted = address.get("sort");
  const down = address.get("order") === "down";
  const heads = columns.map((column) => {
    const active = column.title === sorted;
    const onclick = () => change({ sort: column.title, order: active && !down ? "down" : null });
    const aria = active ? (down ? "descending" : "ascending") : null;
    const sign = active ? (down ? " ▼" : " ▲") : "";
    return make("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": aria },
      make("button", { type: "button", onclick }, column.title + sign));
  });
  const body = rows.map((row) => make("tr", { "data-row": row.place }, ...columns.map((column, place) => {
    const text = column.text(row);
    const link = place === 0 ? make("a", { href: `#cell=${row.source.key}` }, text) : text;
    return make(place === 0 ? "th" : "td", { class: column.number ? "number" : column.style ?? null, scope: place === 0 ? "row" : null }, link);
  })));
  const focused = document.activeElement?.closest("th")?.cellIndex;
  byId("table").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  if (focused !== undefined) byId("table").rows[0].cells[focused]?.firstChild.focus();
}

function toCsv(rows, columns) {
  const quote = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const heads = columns.flatMap((one) => (one.interval ? [one.title, `${one.title} low`, `${one.title} high`] : [one.title]));
  const lines = rows.map((row) => columns.flatMap((one) => (one.interval ? one.interval(row) : [one.get(row)])).map((value) => value ?? ""));
  return [heads, ...lines].map((line) => `${line.map(quote).join(",")}\n`).join("");
}

function toMarkdown(rows, columns) {
  const line = (texts) => `| ${texts.map((text) => String(text).replaceAll("|", "\\|").replace(/\s+/g, " ").replaceAll("<", "&lt;")).join(" | ")} |\n`;
  const heads = columns.map((one) => one.title);
  return line(heads) + line(columns.map((one) => (one.number ? "---:" : ":---"))) + rows.map((row) => line(columns.map((one) => one.text(row)))).join("");
}

function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
