import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';

/** What OpenTelemetry's standard variables say, as far as this program heeds them by itself. The exporter reads headers, time-outs and the like. */
export interface TracingSettings {
  readonly protocol: 'http/protobuf' | 'http/json';
  /** The part of all traces that is told, from 0 to 1. */
  readonly ratio: number;
  /** Milliseconds that a span waits for others to be sent with. */
  readonly scheduleDelayMs: number;
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
/** By its trace id a trace is told by all programs or by none, so that a parent's word adds nothing. */
const SAMPLERS: Readonly<Record<string, 'all' | 'none' | 'ratio'>> = {
  always_on: 'all',
  always_off: 'none',
  traceidratio: 'ratio',
  parentbased_always_on: 'all',
  parentbased_always_off: 'none',
  parentbased_traceidratio: 'ratio',
};

/**
 * What the environment says of tracing (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/); undefined
 * while it names neither an exporter nor where to send to, and when it turns tracing off.
 *
 * @throws KarmeshError `CONFIG_INVALID`, whose facts name every variable at fault.
 */
export function tracingSettings(env: Readonly<Record<string, string | undefined>>): TracingSettings | undefined {
  // An empty variable counts as not set.
  const given = (...names: readonly string[]): readonly [name: string, value: string] | undefined =>
    names.map((name) => [name, env[name]?.trim() ?? ''] as const).find(([, value]) => value !== '');
  const [, exporter] = given('OTEL_TRACES_EXPORTER') ?? [];
  if (given('OTEL_SDK_DISABLED')?.[1].toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter === undefined && given(...ENDPOINTS) === undefined) return undefined;

  const faults: Record<string, string> = {};
  const choose = <T>(found: readonly [string, string] | undefined, known: Readonly<Record<string, T>>, usual: T): T => {
    if (found === undefined) return usual;
    const [name, value] = found;
    if (Object.hasOwn(known, value)) return known[value] ?? usual;
    const nearest = nearestName(value, Object.keys(known));
    const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
    faults[name] = `is ${value}; known here: ${Object.keys(known).join(', ')}${hint}`;
    return usual;
  };
  const number = (name: string, schema: z.ZodNumber, usual: number): number => {
    const found = given(name);
    if (found === undefined) return usual;
    const parsed = schema.safeParse(Number(found[1]));
    if (parsed.success) return parsed.data;
    faults[name] = `is ${found[1]}; ${parsed.error.issues[0]?.message ?? 'it must be a number'}`;
    return usual;
  };
  choose(given('OTEL_TRACES_EXPORTER'), { otlp: true, none: true }, true);
  for (const name of ENDPOINTS) {
    const found = given(name);
    if (found !== undefined && !z.url({ protocol: /^https?$/ }).safeParse(found[1]).success)
      faults[name] = 'must be a URL of http or https';
  }
  const protocol = choose(
    given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'),
    Object.fromEntries(PROTOCOLS.map((name) => [name, name])),
    PROTOCOLS[0],
  );
  const sampler = choose(given('OTEL_TRACES_SAMPLER'), SAMPLERS, 'all');
  const argument = number('OTEL_TRACES_SAMPLER_ARG', z.number().min(0).max(1), 1);
  const scheduleDelayMs = number('OTEL_BSP_SCHEDULE_DELAY', z.int().min(1).max(600_000), 5_000);
  if (Object.keys(faults).length > 0) throw new KarmeshError('CONFIG_INVALID', 'The configuration has faults.', faults);
  return { protocol, ratio: sampler === 'ratio' ? argument : sampler === 'all' ? 1 : 0, scheduleDelayMs };
}
