"use strict";
// The model with sliders, and the regime map. Predictions are made here; see queueing.js.

const SIDES = { client: "Python", server: "PostgreSQL", pool: "connections" };
const MEASURED_SIDES = { "client-bound": "Python", "server-bound": "PostgreSQL", "commit-bound": "connections", "latency-bound": "connections" };
const POOLS = [1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100, 140, 200];
const steps = (usual, measured) => distinct([...usual, ...measured]).sort((a, b) => a - b);
const SLIDERS = [
  ["rtt", "Longer round trip", (value) => `${format(value * 1e3)} ms`, [0, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2], () => [], () => 0],
  ["client", "Python cores", format, [0.1, 0.25, 0.5, 0.75, 1, 2, 4, 8, 16], (one) => one.tested.client_cores, (one) => one.tested.client_cores.at(-1)],
  ["server", "PostgreSQL cores", format, [0.5, 1, 2, 4, 8, 16, 32], (one) => one.tested.server_cores, (one) => one.tested.server_cores[0]],
  ["pool", "Connections (pool)", format, POOLS, (one) => one.points.map((point) => point.poolsize), () => 20],
];

// All but the loader: families of one setting are compared with each other.
function settingOf(family) {
  const axes = Object.keys(data.axes).filter((axis) => !LOADER_AXES.includes(axis) && axis in family.axes);
  return JSON.stringify([data.campaigns[family.campaign].name, ...axes.map((axis) => family.axes[axis])]);
}

function nameSettings(families) {
  const axes = varying(families).filter((axis) => !LOADER_AXES.includes(axis));
  const several = distinct(families.map((one) => one.campaign)).length > 1;
  const name = (one) => {
    const workload = one.axes.workload ?? "ingest";
    const rest = axes.filter((axis) => axis !== "workload").map((axis) => `${data.axes[axis]} ${one.axes[axis] ?? NONE}`);
    return [`workload ${workload}`, ...rest, ...(several ? [data.campaigns[one.campaign].name] : [])].join(", ");
  };
  return [...new Map(families.map((one) => [settingOf(one), name(one)]))];
}

function readQuestion(families) {
  const question = {};
  for (const [name, , , usual, measured, initial] of SLIDERS) {
    const values = steps(usual, families.flatMap(measured));
    const asked = Number(address.get(name) ?? initial(families[0]));
    question[name] = values.reduce((best, value) => (Math.abs(value - asked) < Math.abs(best - asked) ? value : best));
  }
  return question;
}

function drawSliders(settings, chosen, families, question) {
  const form = byId("sliders");
  const select = make("select", { id: "setting", onchange: (event) => change({ setting: event.target.value }) });
  fillSelect(select, settings, chosen);
  const sliders = SLIDERS.map(([name, title, show, usual, measured]) => {
    const values = steps(usual, families.flatMap(measured));
    const place = values.indexOf(question[name]);
    const oninput = (event) => change({ [name]: values[event.target.value] });
    return make("label", {}, make("span", {}, `${title}: `, make("output", { for: name }, show(question[name]))),
      make("input", { type: "range", id: name, min: 0, max: values.length - 1, value: place, "aria-valuetext": show(question[name]), oninput }));
  });
  replaceKeepingFocus(form, make("label", {}, "Workload and setting", select), ...sliders);
}

function replaceKeepingFocus(form, ...children) {
  const focused = form.contains(document.activeElement) ? document.activeElement.id : null;
  form.replaceChildren(...children);
  if (focused) byId(focused)?.focus();
}

const isAt = (point, question) => !point.shared && point.client_cores === question.client && point.server_cores === question.server && Math.abs(point.further_s - question.rtt) <= 0.1 * question.rtt;

function usablePoints(family, question) {
  const client = family.several_cores ? question.client : Math.min(question.client, 1);
  return family.points.filter((point) => isAt(point, { ...question, client }));
}

function drawModel() {
  const settings = nameSettings(data.families);
  byId("map-section").hidden = !settings.length;
  if (!settings.length) {
    byId("outside").textContent = "No campaign here has a loader with one connection and with more, which the model needs.";
    return undefined;
  }
  const chosen = settings.some(([key]) => key === address.get("setting")) ? address.get("setting") : settings[0][0];
  const families = data.families.filter((one) => settingOf(one) === chosen);
  const question = readQuestion(families);
  drawSliders(settings, chosen, families, question);
  const untested = distinct(families.flatMap((one) => findUntested(one, question)));
  byId("outside").className = untested.length ? "warn" : "";
  byId("outside").textContent = untested.length
    ? `Outside of what was tested: ${untested.join(", ")}. The model has not been checked there.`
    : "Inside of what was tested.";
  drawPredictions(families, question);
  drawMap(families, question);
  return drawCurves(families, question, untested);
}

function drawPredictions(families, question) {
  const lines = families.map((family) => {
    const one = predict(family, question);
    const bounds = ["client", "server", "pool"].map((name) => format(one.bounds[name]));
    const error = family.median_error === null ? "not tested" : `${format(family.median_error * 100)}%`;
    return [family.loader, format(one.rate), SIDES[one.limit], ...bounds, error, findUntested(family, question).join(", ") || "nothing"];
  });
  const heads = ["loader", "predicted per s", "limit", "bound by Python", "bound by PostgreSQL", "bound by connections", "median error where tested", "outside of tests"];
  const made = table(heads, lines).firstChild;
  byId("predictions").replaceChildren(...made.children);
}

function drawCurves(families, question, untested) {
  const line = families.flatMap((family) => POOLS.map((pool) => {
    const one = predict(family, { ...question, pool });
    const outside = findUntested(family, { ...question, pool }).length > 0;
    return { loader: family.loader, pool, rate: one.rate, limit: SIDES[one.limit], outside: outside ? "outside of tests" : "inside", text: format(one.rate) };
  }));
  const inside = line.filter((one) => one.outside === "inside");
  const points = families.flatMap((family) => usablePoints(family, question).map((point) => ({
    loader: family.loader, pool: point.poolsize, rate: point.rows_per_s, low: point.low, high: point.high, key: point.key,
    text: formatInterval([point.rows_per_s, point.low, point.high]), fitted: point.fitted ? "the model was fitted on it" : `prediction off by ${format(point.error * 100)}%`,
  })));
  const width = byId("curves").clientWidth;
  const x = { field: "pool", type: "quantitative", title: "connections (log scale)", scale: { type: "log", nice: false, domain: [1, 200] }, axis: { values: [1, 2, 5, 10, 20, 50, 100, 200] } };
  const y = { field: "rate", type: "quantitative", title: "per second" };
  const color = { field: "loader", type: "nominal", title: null, legend: { columns: width < 500 ? 1 : 4 } };
  const title = points.length ? "Predicted (lines; faint outside of tests) and measured (points)" : "Predicted; nothing was measured with these cores and this round trip";
  const spec = {
    title: { text: title, limit: width - 20 }, width, height: 400, autosize: { type: "fit", contains: "padding" },
    layer: [
      { data: { values: [question] }, mark: { type: "rule", strokeDash: [4, 4], color: colour("quiet") }, encoding: { x } },
      { data: { values: line }, mark: { type: "line", strokeDash: [6, 4], opacity: 0.45 }, encoding: { x, y, color } },
      ...(inside.length ? [{ data: { values: inside }, mark: { type: "line", strokeWidth: 2.5 }, encoding: { x, y, color } }] : []),
      { data: { values: line }, mark: { type: "circle", opacity: 0, size: 200 }, encoding: { x, y, tooltip: [{ field: "loader" }, { field: "pool", title: "connections" }, { field: "text", title: "predicted per s", type: "nominal" }, { field: "limit" }, { field: "outside", title: "tests" }] } },
      ...(points.length ? [{ data: { values: points }, mark: "rule", encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color } },
      { data: { values: points }, mark: { type: "point", filled: true, size: 70, cursor: "pointer" }, encoding: { x, y, color, tooltip: [{ field: "loader" }, { field: "pool", title: "connections" }, { field: "text", title: "measured per s", type: "nominal" }, { field: "fitted", title: "model" }] } }] : []),
    ],
  };
  const description = `Predicted throughput over connections for ${families.length} loaders${untested.length ? ", outside of what was tested" : ""}; the table below has the numbers`;
  return draw("curves", spec, description, (datum) => datum.key && (location.hash = `cell=${datum.key}`));
}

// The axis across the map: round trips, or Python cores for each core of PostgreSQL.
const ACROSS = {
  rtt: { title: "longer round trip, ms (log scale)", edges: Array.from({ length: 17 }, (_, step) => 10 ** (-2 + step / 4.8)), ask: (x) => ({ rtt: x / 1e3 }), place: (point) => Math.max(point.further_s * 1e3, 0.0105), free: "rtt" },
  cores: { title: "Python cores for each PostgreSQL core (log scale)", edges: Array.from({ length: 17 }, (_, step) => 2 ** (-4 + step / 2)), ask: (x, question) => ({ client: x * question.server }), place: (point) => point.client_cores / point.server_cores, free: "client" },
};
const POOL_EDGES = Array.from({ length: 15 }, (_, step) => 200 ** (step / 14));
const RATIO_SCALE = { domain: [-1, 1], clamp: true, scheme: "blueorange" };

function drawMap(families, question) {
  const names = families.map((one) => one.loader);
  const pick = (name, pattern) => (names.includes(address.get(name)) ? address.get(name) : names.find((one) => pattern.test(one)) ?? names[0]);
  const chosen = { over: address.get("over") in ACROSS ? address.get("over") : "rtt", of: pick("of", /threads/), a: pick("a", /asyncio/), b: pick("b", /threads/) };
  const choice = (name, title, options) => {
    const select = make("select", { id: `map-${name}`, onchange: (event) => change({ [name]: event.target.value }) });
    fillSelect(select, options, chosen[name]);
    return make("label", {}, title, select);
  };
  const loaders = names.map((one) => [one, one]);
  replaceKeepingFocus(byId("map-choices"), choice("over", "Across", [["rtt", "round trip"], ["cores", "core ratio"]]), choice("of", "Limit of", loaders), choice("a", "Ratio of", loaders), choice("b", "to", loaders));
  const [of, a, b] = ["of", "a", "b"].map((name) => families.find((one) => one.loader === chosen[name]));
  const across = ACROSS[chosen.over];
  const { cells, limits, ratios } = mapValues(across, question, of, a, b);
  byId("map-note").textContent = `${limits.length} measured cells on the left, ${ratios.length} pairs on the right. Beyond ${of.tested.pools[1]} connections, and where no circles are, nothing was tested.`;
  const available = byId("map").clientWidth;
  const spec = mapSpec(across, available, cells, limits, ratios, chosen);
  return draw("map", spec, `Regime map: which side limits ${chosen.of}, and ${chosen.a} relative to ${chosen.b}, over connections and ${across.title}`);
}

function mapValues(across, question, of, a, b) {
  const cells = [];
  for (let i = 0; i + 1 < across.edges.length; i++) {
    for (let j = 0; j + 1 < POOL_EDGES.length; j++) {
      const [x, pool] = [Math.sqrt(across.edges[i] * across.edges[i + 1]), Math.max(1, Math.round(Math.sqrt(POOL_EDGES[j] * POOL_EDGES[j + 1])))];
      const asked = { ...question, pool, ...across.ask(x, question) };
      const ratio = predict(a, asked).rate / predict(b, asked).rate;
      cells.push({ x: across.edges[i], x2: across.edges[i + 1], y: POOL_EDGES[j], y2: POOL_EDGES[j + 1], limit: SIDES[predict(of, asked).limit], log: Math.log2(ratio), text: format(ratio) });
    }
  }
  const onMap = (family) => family.points.filter((point) => isAt(point, { ...question, ...(across.free === "rtt" ? { rtt: point.further_s } : { client: point.client_cores }) }));
  const place = (point) => ({ x: across.place(point), y: Math.max(point.poolsize, 1.08) });
  const rowOf = (key) => data.rows.find((row) => row.source.key === key && row.source.arm === "a");
  const limits = onMap(of).flatMap((point) => {
    const label = rowOf(point.key)?.bottleneck;
    return label ? [{ ...place(point), limit: MEASURED_SIDES[label] ?? "other", text: label }] : [];
  });
  const ratios = onMap(a).flatMap((point) => {
    const other = onMap(b).find((one) => ["poolsize", "client_cores", "server_cores", "further_s"].every((name) => one[name] === point[name]));
    if (!other) return [];
    const ratio = point.rows_per_s / other.rows_per_s;
    return [{ ...place(point), log: Math.log2(ratio), text: format(ratio) }];
  });
  return { cells, limits, ratios };
}

function mapSpec(across, available, cells, limits, ratios, chosen) {
  const columns = available < 760 ? 1 : 2;
  const width = Math.max(180, Math.floor(available / columns) - 80);
  const edges = (values) => [values[0], values.at(-1)];
  const x = { field: "x", type: "quantitative", title: across.title, scale: { type: "log", nice: false, domain: edges(across.edges) }, axis: { grid: false, tickCount: 4 } };
  const y = { field: "y", type: "quantitative", title: "connections (log scale)", scale: { type: "log", nice: false, domain: [1, 200] }, axis: { grid: false, values: [1, 2, 5, 10, 20, 50, 100, 200] } };
  const one = (title, colourOf, points, heading) => ({
    title: { text: title, frame: "bounds", limit: width + 40 }, width, height: 260,
    layer: [
      { data: { values: cells }, mark: { type: "rect", stroke: null }, encoding: { x, x2: { field: "x2" }, y, y2: { field: "y2" }, color: colourOf, tooltip: [{ field: heading, title: "predicted" }] } },
      ...(points.length ? [{ data: { values: points }, mark: { type: "point", filled: true, size: 150, stroke: colour("text"), strokeWidth: 2, opacity: 1 }, encoding: { x, y, color: colourOf, tooltip: [{ field: "text", title: "measured" }] } }] : []),
    ],
  });
  const sides = { domain: ["Python", "PostgreSQL", "connections", "other"], range: ["#e8973a", "#5b8def", "#9aa3ae", "#c05fb5"] };
  const ratio = { field: "log", type: "quantitative", title: "ratio", scale: RATIO_SCALE, legend: { labelExpr: "format(pow(2, datum.value), '.2f')", gradientLength: 150 } };
  return {
    columns, spacing: 30, resolve: { scale: { color: "independent" } },
    concat: [
      one(`What limits ${chosen.of}`, { field: "limit", type: "nominal", title: "limit", scale: sides }, limits, "limit"),
      one(`${chosen.a} ÷ ${chosen.b}`, ratio, ratios, "text"),
    ],
  };
}
