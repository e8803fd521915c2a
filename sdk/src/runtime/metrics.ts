import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { KarmeshError } from '../errors.ts';

export type MetricOptions<Label extends string> = {
  /** Snake case with its unit last, without the `karmesh_` that is put before it: `request_duration_seconds`. */
  readonly name: string;
  readonly help: string;
  /** Only values from a small fixed set: never an id, a peer or an address. */
  readonly labels?: readonly Label[];
};

export type GaugeOptions<Label extends string> = MetricOptions<Label> & {
  /** Sets the gauge whenever the metrics are read, for what is easier to look at then than to follow. */
  readonly collect?: (gauge: Pick<Gauge<Label>, 'set' | 'reset'>) => void | Promise<void>;
};

export type HistogramOptions<Label extends string> = MetricOptions<Label> & {
  /** Upper bounds in the metric's unit; prom-client's defaults (5 ms to 10 s) unless told. */
  readonly buckets?: readonly number[];
};

export type Metrics = {
  readonly registry: Registry;
  counter<Label extends string>(options: MetricOptions<Label>): Counter<Label>;
  gauge<Label extends string>(options: GaugeOptions<Label>): Gauge<Label>;
  histogram<Label extends string>(options: HistogramOptions<Label>): Histogram<Label>;
  /** The exposition text for `/metrics`. */
  text(): Promise<string>;
  readonly contentType: string;
};

const units = ['seconds', 'bytes', 'tokens', 'lamports', 'slots', 'epochs', 'ratio', 'count', 'celsius', 'info'];
const idLike = /(^|_)(id|ids|peer|worker|validator|request|address|account|hash|key)($|_)/;

/** One registry for a program, with names that state their unit and labels that cannot grow without bound. */
export const metrics = ({ processMetrics = true }: { readonly processMetrics?: boolean } = {}): Metrics => {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry });
  const common = <Label extends string>(
    { name, help, labels = [] }: MetricOptions<Label>,
    endings: readonly string[],
  ) => {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || !endings.some((ending) => name.endsWith(`_${ending}`))) {
      const expected = endings.map((ending) => `_${ending}`).join(', ');
      throw new KarmeshError('BAD_ARGUMENT', 'A metric name must end in its unit.', { name, expected });
    }
    const label = labels.find((each) => idLike.test(each));
    if (label !== undefined) {
      throw new KarmeshError('BAD_ARGUMENT', 'A metric label must not hold an id.', { name, label });
    }
    return { name: `karmesh_${name}`, help, labelNames: [...labels], registers: [registry] };
  };
  return {
    registry,
    counter: (options) => new Counter(common(options, ['total'])),
    gauge<Label extends string>({ collect, ...options }: GaugeOptions<Label>) {
      const gauge: Gauge<Label> = new Gauge<Label>({
        ...common(options, units),
        ...(collect === undefined ? {} : { collect: () => collect(gauge) }),
      });
      return gauge;
    },
    histogram: (options) =>
      new Histogram({
        ...common(options, units),
        ...(options.buckets === undefined ? {} : { buckets: [...options.buckets] }),
      }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
};
