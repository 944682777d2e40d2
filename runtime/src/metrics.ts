import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

export { Registry };
export type { Counter, Gauge, Histogram };

/** The name without its prefix, what it counts in a sentence, and the names of its labels. */
interface MetricOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** Makes metrics that share a registry and a prefix, so that two components in one process never clash. */
export interface Metrics {
  readonly registry: Registry;
  /** Only ever grows; the name ends in `_total`. */
  readonly counter: <Label extends string = never>(options: MetricOptions<Label>) => Counter<Label>;
  /**
   * Goes up and down. `read`, when given, is asked at each scrape, which waits for it; `readAll` is the same for one with labels, and sets
   * them itself.
   */
  readonly gauge: <Label extends string = never>(
    options: MetricOptions<Label> & {
      readonly read?: () => number | Promise<number>;
      readonly readAll?: (gauge: Gauge<Label>) => Promise<void>;
    },
  ) => Gauge<Label>;
  /** `buckets` are upper bounds in the unit that the name ends in, such as `_seconds`. */
  readonly histogram: <Label extends string = never>(
    options: MetricOptions<Label> & { readonly buckets: readonly number[] },
  ) => Histogram<Label>;
}

/**
 * @param prefix begins every name, as in `pannier_server`
 * @param options.process adds the metrics of the process itself (CPU, memory, event loop, GC) under their usual names; once
 * per process
 */
export function createMetrics(
  prefix: string,
  options: { process?: boolean; registry?: Registry } = {},
): Metrics {
  const registry = options.registry ?? new Registry();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const common = <Label extends string>({ name, help, labels = [] }: MetricOptions<Label>) => ({
    name: `${prefix}_${name}`,
    help,
    labelNames: labels,
    registers: [registry],
  });
  return {
    registry,
    counter: (metric) => new Counter(common(metric)),
    gauge: ({ read, readAll, ...metric }) => {
      if (read === undefined && readAll === undefined) return new Gauge(common(metric));
      return new Gauge({
        ...common(metric),
        async collect() {
          if (read !== undefined) this.set(await read());
          await readAll?.(this);
        },
      });
    },
    histogram: ({ buckets, ...metric }) => new Histogram({ ...common(metric), buckets: [...buckets] }),
  };
}
