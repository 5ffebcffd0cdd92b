"use strict";
// The data, and the state of the page, which is all in its address: every view is a link.

const data = JSON.parse(document.getElementById("data").textContent);
const LOADER_AXES = ["loader", "loop", "protocol", "implementation"];
const ALL = "*";
const NONE = "–";
let address = readAddress();

data.rows.forEach((row, place) => {
  row.place = place;
  row.source = data.cells[row.cell];
});

function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}

// Change some parts of the address; null removes one, and a list stands for several of a name.
function change(parts) {
  for (const [name, value] of Object.entries(parts)) {
    address.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null) address.append(name, one);
  }
  history.replaceState(null, "", `#${address}`);
  render();
}

const byId = (id) => document.getElementById(id);

// Make an element; texts become text, so nothing in the data is ever read as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
}

const compareNaturally = new Intl.Collator("en", { numeric: true }).compare;
const valueOf = (source, axis) => String(source.axes[axis] ?? NONE);
const distinct = (values) => [...new Set(values)];
const varying = (sources) => Object.keys(data.axes).filter((axis) => distinct(sources.map((one) => valueOf(one, axis))).length > 1);

// Format a number with three significant digits, large ones whole.
function format(value) {
  if (value === null || value === undefined) return NONE;
  const digits = Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString("en", digits);
}

function formatInterval(interval) {
  if (!interval) return NONE;
  const [value, low, high] = interval;
  return low === null ? format(value) : `${format(value)} (${format(low)} to ${format(high)})`;
}

// The rows of campaign and experiment, and those of them that the filters leave.
function chosenRows() {
  const campaign = address.get("campaign") ?? data.campaigns[0].name;
  const found = data.campaigns.findIndex((one) => one.name === campaign);
  const first = data.campaigns[Math.max(found, 0)];
  const experiment = address.get("experiment") ?? (campaign === ALL ? ALL : first.first);
  const inside = data.rows.filter((row) =>
    (campaign === ALL || row.campaign === Math.max(found, 0)) && (experiment === ALL || row.experiment === experiment));
  const axes = varying(inside.map((row) => row.source));
  const withBounds = address.has("bounds") || inside.every((row) => row.upper_bound);
  const shown = inside.filter((row) => (withBounds || !row.upper_bound) && axes.every((axis) => {
    const only = address.getAll(`only.${axis}`);
    return only.length === 0 || only.includes(valueOf(row.source, axis));
  }));
  return { campaign, experiment, first, inside, axes, shown, withBounds };
}

// Name rows by what differs among them.
function labelRows(rows) {
  const axes = varying(rows.map((row) => row.source)).filter((axis) => !LOADER_AXES.includes(axis) && axis !== "gil");
  const seen = new Map();
  for (const row of rows) {
    const parts = axes.map((axis) => {
      const value = valueOf(row.source, axis);
      return /^[\d.]+$/.test(value) ? `${data.axes[axis].replace(" size", "")} ${value}` : value;
    });
    let label = [row.source.loader, ...parts.filter((part) => part !== NONE)].join(", ");
    if (row.meaning === "baseline again") label += " (again)";
    const number = (seen.get(label) ?? 0) + 1;
    seen.set(label, number);
    row.label = number > 1 ? `${label} #${number}` : label;
  }
}

function unitOf(rows) {
  const units = rows.map((row) => data.campaigns[row.campaign].experiments.find((one) => one.name === row.experiment).unit);
  return distinct(units).length === 1 ? units[0] : "row or operation";
}

const plural = (unit) => unit.split(" or ").map((one) => `${one}s`).join(" or ");
