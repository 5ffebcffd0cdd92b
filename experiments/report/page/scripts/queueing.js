"use strict";
// Twin of experiments/analysis/queueing: fit.py and network.py explain it, a test compares all its numbers.

const partAlone = (pool) => 2 / (pool + 1);

function costs(fit, pool) {
  const at = (demand) => demand.least_s + demand.shared_s * partAlone(pool);
  const growth = 1 + fit.contention * Math.max(0, pool - fit.contended);
  return { client: at(fit.client), server: at(fit.server) * growth, delay: fit.delay_s * (fit.durable ? 3 - 2 / pool : 1) };
}

// Predict a family with `pool` connections on cores of its own, each round trip longer by `rtt` seconds.
function predict(family, { pool, client, server, rtt }) {
  const usable = family.several_cores ? client : Math.min(client, 1);
  const cost = costs(family.fit, pool);
  const delay = cost.delay + rtt * family.trips;
  const stations = [
    { demand: cost.client, cores: Math.ceil(usable) },
    { demand: cost.server, cores: Math.ceil(server) },
  ].filter((one) => one.demand > 0);
  const bounds = {};
  if (cost.client > 0) bounds.client = usable / cost.client;
  if (cost.server > 0) bounds.server = server / cost.server;
  const mean = recur(stations, delay, pool).at(-1);
  const rate = Math.min(mean, ...Object.values(bounds));
  bounds.pool = pool / (cost.client + cost.server + delay);
  const limit = Object.keys(bounds).reduce((lowest, name) => (bounds[name] < bounds[lowest] ? name : lowest));
  return { rate, bounds, limit };
}

// Mean value analysis: the throughput of each population from 1 up.
function recur(stations, delay, population) {
  const without = stations.map((one, place) =>
    one.cores > 1 ? recur(stations.filter((_, other) => other !== place), delay, population) : null);
  const shares = stations.map(() => [1]);
  let queues = stations.map(() => 0);
  const rates = [];
  for (let n = 1; n <= population; n++) {
    const times = stations.map((one, place) => responseTime(one, queues[place], without[place] ? shares[place] : []));
    const total = times.reduce((sum, time) => sum + time, delay);
    const rate = total > 0 ? n / total : Infinity;
    queues = times.map((time) => (time > 0 ? rate * time : 0));
    stations.forEach((one, place) => {
      if (without[place]) shares[place] = nextShares(one, rate, shares[place], without[place][n - 1]);
    });
    rates.push(rate);
  }
  return rates;
}

function responseTime({ demand, cores }, queue, shares) {
  const extra = shares.reduce((sum, share, place) => {
    const j = place + 1;
    return sum + j * (1 / Math.min(j, cores) - 1 / cores) * share;
  }, 0);
  return demand * ((1 + queue) / cores + extra);
}

function nextShares({ demand, cores }, rate, shares, rateWithout) {
  if (rate === Infinity) return [1];
  const empty = rateWithout === Infinity ? 0 : (shares[0] * rate) / rateWithout;
  const further = shares.map((share, place) => ((rate * demand) / Math.min(place + 1, cores)) * share);
  return [empty, ...further].slice(0, cores - 1);
}

// What of a question lies outside of the conditions that the family was measured in.
function findUntested(family, { pool, client, server, rtt }) {
  const { pools, client_cores, server_cores, further_s } = family.tested;
  const usable = family.several_cores ? client : Math.min(client, 1);
  const found = [];
  if (pool < pools[0] || pool > pools[1]) found.push("connections");
  if (!client_cores.includes(usable)) found.push("Python cores");
  if (!server_cores.includes(server)) found.push("PostgreSQL cores");
  if (rtt > further_s) found.push("round trip");
  return found;
}
