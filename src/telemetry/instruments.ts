import type { Registry } from "prom-client";

/**
 * Counters and histograms for the request path, beside prom-client.
 *
 * prom-client hashes the labels of every observation; these keep one plain number per label set, found by a joined
 * key, and are turned into text by prom-client's registry only when somebody scrapes.
 */
interface Instrument {
  get(): Promise<{ name: string; help: string; type: string; values: object[]; aggregator: "sum" }>;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** A number that only grows, per label set. */
export interface Counter {
  (labels: readonly string[], amount?: number): void;
  /** Adds for one label set, found once: for callers that can keep it. */
  of(labels: readonly string[]): (amount: number) => void;
}

/** A number that goes up and down, per label set. */
export interface Gauge extends Counter {
  /** Forgets a label set, for labels whose values would otherwise grow without end. */
  forget(labels: readonly string[]): void;
}

/** Adds a counter to the registry. Label values are given in the order of `labelNames`. */
export function counter(registry: Registry, name: string, help: string, labelNames: readonly string[]): Counter {
  return numbers(registry, name, help, "counter", labelNames, (series, amount) => {
    series.value += amount;
  });
}

/** Adds a gauge, set to the given value. */
export function gauge(registry: Registry, name: string, help: string, labelNames: readonly string[]): Gauge {
  return numbers(registry, name, help, "gauge", labelNames, (series, value) => {
    series.value = value;
  });
}

/** Adds a counter whose total is kept elsewhere and set from there. */
export function total(registry: Registry, name: string, help: string, labelNames: readonly string[]) {
  return numbers(registry, name, help, "counter", labelNames, (series, value) => {
    series.value = value;
  });
}

function numbers(
  registry: Registry,
  name: string,
  help: string,
  type: "counter" | "gauge",
  labelNames: readonly string[],
  apply: (series: Series, amount: number) => void,
): Gauge {
  const all = new Map<string, Series>();
  if (labelNames.length === 0) all.set("", { labels: {}, value: 0 });
  register(registry, name, {
    get: async () => ({ name, help, type, values: [...all.values()], aggregator: "sum" }),
  });
  const count = (labels: readonly string[], amount = 1) => apply(seriesOf(all, labelNames, labels), amount);
  const of = (labels: readonly string[]) => {
    const series = seriesOf(all, labelNames, labels);
    return (amount: number) => apply(series, amount);
  };
  const forget = (labels: readonly string[]) => void all.delete(keyOf(labels));
  return Object.assign(count, { of, forget });
}

function seriesOf(all: Map<string, Series>, names: readonly string[], values: readonly string[]): Series {
  const key = keyOf(values);
  let series = all.get(key);
  if (series === undefined) {
    series = { labels: labelsOf(names, values), value: 0 };
    all.set(key, series);
  }
  return series;
}

/** Labels as one string. `+` and not `join`: it makes no copy of the labels, and this runs many times a request. */
function keyOf(labels: readonly string[]): string {
  let key = labels[0] ?? "";
  for (let i = 1; i < labels.length; i += 1) key += `\u0000${labels[i]}`;
  return key;
}

/** Observes a duration in seconds. */
export interface Histogram {
  (labels: readonly string[], seconds: number): void;
  /** Observes for one label set, found once: for callers that can keep it. */
  of(labels: readonly string[]): (seconds: number) => void;
}

/** Upper bounds in seconds: from the microseconds of an evaluation to the minutes of a long answer. */
const defaultBuckets = [
  0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];

/** Adds a histogram of seconds to the registry. */
export function histogram(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  buckets: readonly number[] = defaultBuckets,
): Histogram {
  const all = new Map<string, Buckets>();
  register(registry, name, {
    async get() {
      const values: object[] = [];
      for (const { labels, counts, sum, count } of all.values()) {
        let below = 0;
        buckets.forEach((le, i) => {
          below += counts[i]!;
          values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below });
        });
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count });
        values.push({ metricName: `${name}_sum`, labels, value: sum });
        values.push({ metricName: `${name}_count`, labels, value: count });
      }
      return { name, help, type: "histogram", values, aggregator: "sum" };
    },
  });
  const seriesOf = (labels: readonly string[]): Buckets => {
    const key = keyOf(labels);
    let series = all.get(key);
    if (series === undefined) {
      series = { labels: labelsOf(labelNames, labels), counts: new Float64Array(buckets.length), sum: 0, count: 0 };
      all.set(key, series);
    }
    return series;
  };
  const observe = (labels: readonly string[], seconds: number) => add(seriesOf(labels), buckets, seconds);
  const of = (labels: readonly string[]) => {
    const series = seriesOf(labels);
    return (seconds: number) => add(series, buckets, seconds);
  };
  return Object.assign(observe, { of });
}

interface Buckets {
  readonly labels: Record<string, string>;
  readonly counts: Float64Array;
  sum: number;
  count: number;
}

function add(series: Buckets, buckets: readonly number[], seconds: number): void {
  series.sum += seconds;
  series.count += 1;
  let bucket = 0;
  while (bucket < buckets.length && seconds > buckets[bucket]!) bucket += 1;
  if (bucket < buckets.length) series.counts[bucket]! += 1;
}

function labelsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""]));
}

// prom-client's type for a metric is its own classes; its registry needs only `name` and `get`.
function register(registry: Registry, name: string, instrument: Instrument): void {
  type Metric = Parameters<Registry["registerMetric"]>[0];
  registry.registerMetric({ name, ...instrument, reset: () => undefined } as unknown as Metric);
}
