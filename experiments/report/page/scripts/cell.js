"use strict";
// One cell: identity, results, runs, versions and settings, and the command that runs it again.

function drawCell(key) {
  const cells = data.cells.filter((cell) => cell.key === key || cell.key.replace("sha256:", "").startsWith(key));
  const back = make("p", {}, make("a", { href: "#view=results" }, "All results"));
  if (!cells.length || !key) {
    const text = `No cell has the key ${key}.`;
    return byId("cell").replaceChildren(back, make("h2", {}, "Unknown cell"), make("p", {}, text));
  }
  return byId("cell").replaceChildren(back, ...cells.map(cellSection));
}

function cellSection(cell) {
  const campaign = data.campaigns[cell.campaign];
  const place = data.cells.indexOf(cell);
  const rows = data.rows.filter((row) => row.cell === place);
  const again = cell.arm === "b" ? ", the baseline again" : "";
  const terms = (pairs) => make("dl", {}, ...pairs.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
  const records = make("a", { href: campaign.records }, campaign.records.split("/").pop());
  return make("section", {},
    make("h2", {}, cell.loader + again),
    terms([["Key", cell.key], ["Campaign", `${campaign.name}, ${campaign.machine}`], ...Object.entries(cell.axes).map(([axis, value]) => [data.axes[axis], String(value)])]),
    make("h3", {}, "Reproduce"),
    make("p", {}, make("code", {}, cell.command)),
    make("h3", {}, "Results"),
    table(["experiment", "rate per s", "ratio", "result", "client CPU µs", "latency p99, ms", "bottleneck"],
      rows.map((row) => [row.experiment, formatInterval(row.rate), formatInterval(row.ratio), row.meaning, formatInterval(row.cpu_us), formatInterval(row.p99_ms), row.bottleneck || NONE])),
    make("p", {}, rows.find((row) => row.reason)?.reason ?? ""),
    make("h3", {}, `${cell.attempts} runs`),
    make("p", { class: "small" }, cell.runs.length < cell.attempts ? `The last ${cell.runs.length} of them, from` : "From", " the lines of ", records, ". Medians are of those that count."),
    table(["line", "block", "status", "counts", "rate per s", "client CPU µs", "started", "remark"],
      cell.runs.map(([line, block, status, counts, rate, cpu, started, remark]) => [line, block, status, counts ? "yes" : "no", format(rate), format(cpu), started, remark])),
    make("h3", {}, "Versions and settings"),
    terms(cell.facts.map((fact) => data.facts[fact])));
}

function table(heads, lines) {
  const body = lines.map((line) => make("tr", {}, ...line.map((text) => make("td", { class: typeof text === "number" ? "number" : null }, String(text)))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${heads.join(", ")}` },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...body)));
}
