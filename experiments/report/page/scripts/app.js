"use strict";
// Joins the parts: reads the address, shows its view, and draws it again when it changes.

function drawFilters(inside, axes) {
  const open = new Set([...document.querySelectorAll("#filters details[open]")].map((one) => one.dataset.axis));
  const focused = document.activeElement?.dataset?.choice;
  const filters = axes.map((axis) => {
    const values = distinct(inside.map((row) => valueOf(row.source, axis))).sort(compareNaturally);
    const only = address.getAll(`only.${axis}`);
    const onchange = (event) => {
      const boxes = [...event.target.closest("details").querySelectorAll("input")];
      const kept = boxes.filter((box) => box.checked).map((box) => box.value);
      change({ [`only.${axis}`]: kept.length === boxes.length || !kept.length ? null : kept });
    };
    const boxes = values.map((value) => make("label", {},
      make("input", { type: "checkbox", value, checked: !only.length || only.includes(value), "data-choice": `${axis}=${value}`, onchange }), ` ${value}`));
    const many = only.length ? `${only.length} of ${values.length}` : `all ${values.length}`;
    return make("details", { "data-axis": axis, open: open.has(axis) }, make("summary", {}, `${data.axes[axis]}: ${many}`), ...boxes);
  });
  byId("filters").replaceChildren(...filters);
  if (focused) [...byId("filters").querySelectorAll("input")].find((box) => box.dataset.choice === focused)?.focus();
}

function drawChoices({ campaign, experiment, first, inside }) {
  const campaigns = data.campaigns.map((one) => [one.name, `${one.name} (${one.machine})`]);
  if (campaigns.length > 1) campaigns.push([ALL, "all campaigns"]);
  fillSelect(byId("campaign"), campaigns, campaign);
  const among = campaign === ALL ? data.campaigns : [first];
  const names = distinct(among.flatMap((one) => one.experiments.map((each) => each.name)));
  fillSelect(byId("experiment"), [...names.map((name) => [name, name]), ...(names.length > 1 ? [[ALL, "all experiments"]] : [])], experiment);
  const asked = among.flatMap((one) => one.experiments).find((one) => one.name === experiment);
  const floor = asked && campaign !== ALL ? ` Noise floor: ${asked.floor === null ? "not known" : `${format((asked.floor - 1) * 100)}%`}, ${first.blocks} blocks.` : "";
  byId("question").textContent = (asked?.question ?? "All experiments.") + floor;
  const sources = inside.map((row) => row.source);
  const same = Object.keys(data.axes).filter((axis) => sources.length && valueOf(sources[0], axis) !== NONE && !varying(sources).includes(axis));
  byId("constant").textContent = same.length ? `The same in all rows: ${same.map((axis) => `${data.axes[axis]} ${valueOf(sources[0], axis)}`).join(", ")}.` : "";
}

function drawAnswer(first) {
  byId("answer").hidden = !first.answer.length;
  byId("sentences").replaceChildren(...first.answer.map((sentence) => make("li", {}, sentence.replace(/[*`]/g, ""))));
}

let shownTable = { rows: [], columns: [] };

function drawView() {
  const chosen = chosenRows();
  drawAnswer(chosen.first);
  drawChoices(chosen);
  drawFilters(chosen.inside, chosen.axes);
  byId("count").textContent = `${chosen.shown.length} of ${chosen.inside.length} rows shown.`;
  byId("bounds").checked = chosen.withBounds;
  byId("permalink").href = `#${address}`;
  const columns = columnsOf(chosen.shown);
  const rows = sortRows(chosen.shown, columns);
  shownTable = { rows, columns };
  drawTable(rows, columns);
  return drawResults(rows);
}

async function render() {
  const view = address.has("cell") ? "cell" : address.get("view") === "model" ? "model" : "results";
  for (const name of ["results", "model", "cell"]) byId(name).hidden = name !== view;
  byId("answer").hidden = view !== "results";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.drawn = "no";
  if (view === "cell") drawCell(address.get("cell"));
  else if (view === "model") await drawModel();
  else await drawView();
  document.body.dataset.drawn = "yes";
}

byId("campaign").addEventListener("change", (event) => {
  const kept = [...address.keys()].filter((name) => name.startsWith("only.") || name === "experiment");
  change({ ...Object.fromEntries(kept.map((name) => [name, null])), campaign: event.target.value });
});
byId("experiment").addEventListener("change", (event) => {
  const kept = [...address.keys()].filter((name) => name.startsWith("only."));
  change({ ...Object.fromEntries(kept.map((name) => [name, null])), experiment: event.target.value });
});
byId("bounds").addEventListener("change", (event) => change({ bounds: event.target.checked ? "1" : null }));
byId("csv").addEventListener("click", () => save("bigdata-matrix.csv", toCsv(shownTable.rows, shownTable.columns), "text/csv"));
byId("markdown").addEventListener("click", () => save("bigdata-matrix.md", toMarkdown(shownTable.rows, shownTable.columns), "text/markdown"));
addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  address = readAddress();
  scrollTo(0, 0);
  render();
});
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) render();
  width = innerWidth;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
render();
