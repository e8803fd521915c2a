import { createHash } from 'node:crypto';
import type { ReachedStage, StageAbout } from './stages.ts';

/** A part of the work that is over. Ids are lower-case hexadecimal, times Unix milliseconds. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'internal';
  /** 32 digits. */
  readonly traceId: string;
  /** 16 digits, as the parent's. */
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  /** Why it ended badly. */
  readonly fault: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface StageSpansOptions {
  /** Spans that may be open at once; of more the oldest are forgotten. */
  readonly maxOpen: number;
}

export interface StageSpansParts {
  /** 16 random hexadecimal digits. */
  readonly newSpanId: () => string;
  readonly emit: (span: FinishedSpan) => void;
}

/** What a span goes through: its first stage opens it, each stage begins a phase, which ends with the next one. */
interface SpanPlan {
  readonly name: string;
  readonly kind: FinishedSpan['kind'];
  readonly phases: Readonly<Record<string, string>>;
  /** Stages that end it, and whether all was well then. */
  readonly ends: Readonly<Record<string, 'well' | 'badly'>>;
  readonly idsOf: (about: About, newSpanId: () => string) => Pick<FinishedSpan, 'spanId' | 'parentSpanId'>;
}

type About = StageAbout & { readonly requestId: Uint8Array };

/**
 * Spans that others hang theirs on have ids that everybody can compute, so that no record or frame carries them: a request's own span is
 * named by the eight bytes of its id that follow the trace's, and the span of one asked worker by the hash of both.
 */
const PLANS: Readonly<Record<'gateway' | 'worker', readonly SpanPlan[]>> = {
  gateway: [
    {
      name: 'request',
      kind: 'server',
      phases: { ticketed: 'queue', dispatched: 'seals', exchanged: 'reveals', decided: 'quorum', entered: 'answer' },
      ends: { answered: 'well', failed: 'badly' },
      idsOf: ({ requestId }) => ({ spanId: requestSpanId(requestId), parentSpanId: undefined }),
    },
    {
      name: 'dispatch',
      kind: 'client',
      phases: { 'worker-asked': 'accept', 'worker-accepted': 'seal', 'worker-sealed': 'reveal' },
      ends: { 'worker-revealed': 'well', 'worker-refused': 'badly', 'worker-fallen': 'badly' },
      idsOf: (about) => ({ spanId: dispatchSpanId(about), parentSpanId: requestSpanId(about.requestId) }),
    },
  ],
  worker: [
    {
      name: 'serve',
      kind: 'server',
      phases: {
        asked: 'accept',
        accepted: 'first token',
        'first-token': 'generate',
        sealed: 'exchange',
        recorded: 'reveal',
      },
      ends: { revealed: 'well', over: 'badly' },
      idsOf: (about, newSpanId) => ({ spanId: newSpanId(), parentSpanId: dispatchSpanId(about) }),
    },
  ],
};

interface OpenSpan extends Pick<FinishedSpan, 'traceId' | 'spanId' | 'parentSpanId' | 'startMs' | 'attributes'> {
  phase: { readonly name: string; readonly startMs: number } | undefined;
}

/** Makes spans of the stages that programs reach. A span whose end never comes is never told. */
export const stageSpans =
  ({ maxOpen }: StageSpansOptions) =>
  ({ newSpanId, emit }: StageSpansParts): ((reached: ReachedStage, atMs: number) => void) => {
    const open = new Map<string, OpenSpan>();
    const batches = new Map<bigint, { readonly startMs: number; readonly requestIds: readonly Uint8Array[] }>();
    const keep = <K, V>(map: Map<K, V>, key: K, value: V): void => {
      const [oldest] = map.keys();
      if (map.size >= maxOpen && oldest !== undefined) map.delete(oldest);
      map.set(key, value);
    };

    const endPhase = ({ traceId, spanId, phase }: OpenSpan, endMs: number): void => {
      if (phase === undefined) return;
      const { name, startMs } = phase;
      const ids = { traceId, spanId: newSpanId(), parentSpanId: spanId };
      emit({ ...ids, name, kind: 'internal', startMs, endMs, fault: undefined, attributes: {} });
    };
    const follow = (plan: SpanPlan, stage: string, about: About, atMs: number): void => {
      const phase = plan.phases[stage];
      const end = plan.ends[stage];
      if (phase === undefined && end === undefined) return;
      const key = `${plan.name} ${hex(about.requestId)} ${about.worker === undefined ? '' : hex(about.worker)}`;
      let span = open.get(key);
      if (span === undefined) {
        if (stage !== Object.keys(plan.phases)[0]) return;
        const ids = { traceId: hex(about.requestId.subarray(0, 16)), ...plan.idsOf(about, newSpanId) };
        span = { ...ids, startMs: atMs, attributes: attributesOf(about), phase: undefined };
        keep(open, key, span);
      } else endPhase(span, atMs);
      if (end === undefined) {
        span.phase = phase === undefined ? undefined : { name: phase, startMs: atMs };
        return;
      }
      open.delete(key);
      const { phase: _over, ...ids } = span;
      const fault = end === 'well' ? undefined : (about.cause ?? stage);
      emit({ ...ids, name: plan.name, kind: plan.kind, endMs: atMs, fault });
    };

    const followBatch = (stage: string, batch: NonNullable<StageAbout['batch']>, atMs: number): void => {
      if (stage === 'batched') keep(batches, batch.sequence, { startMs: atMs, requestIds: batch.requestIds ?? [] });
      if (stage !== 'gossiped') return;
      const found = batches.get(batch.sequence);
      batches.delete(batch.sequence);
      for (const requestId of found?.requestIds ?? []) {
        const ids = {
          traceId: hex(requestId.subarray(0, 16)),
          spanId: newSpanId(),
          parentSpanId: requestSpanId(requestId),
        };
        const attributes = { 'karmesh.batch.sequence': `${batch.sequence}` };
        const times = { startMs: found?.startMs ?? atMs, endMs: atMs };
        emit({ ...ids, ...times, name: 'publish', kind: 'internal', fault: undefined, attributes });
      }
    };

    /** A duty that waits comes due again and again; its span lasts from the first time to its end. */
    const followDuty = (stage: string, about: StageAbout & { readonly epoch: bigint }, atMs: number): void => {
      const [kind = '', outcome = ''] = stage.split(':');
      const key = `duty ${about.epoch} ${kind}`;
      const span = open.get(key);
      if (outcome === 'due' && span === undefined) {
        const ids = { traceId: epochTraceId(about), spanId: newSpanId(), parentSpanId: undefined };
        keep(open, key, { ...ids, startMs: atMs, attributes: attributesOf(about), phase: undefined });
      }
      const ends: Readonly<Record<string, boolean>> = { done: true, refused: false, failed: false };
      const isWell = ends[outcome];
      if (span === undefined || isWell === undefined) return;
      open.delete(key);
      const { phase: _none, ...ids } = span;
      emit({ ...ids, name: kind, kind: 'internal', endMs: atMs, fault: isWell ? undefined : outcome });
    };

    return ({ program, stage, about }, atMs) => {
      if (about === undefined) return;
      const { requestId, batch, epoch } = about;
      if (program === 'gateway' && batch !== undefined) followBatch(stage, batch, atMs);
      if (program === 'validator' && epoch !== undefined) followDuty(stage, { ...about, epoch }, atMs);
      if ((program === 'gateway' || program === 'worker') && requestId !== undefined) {
        for (const plan of PLANS[program]) follow(plan, stage, { ...about, requestId }, atMs);
      }
    };
  };

function attributesOf({ requestId, worker, epoch }: StageAbout): Readonly<Record<string, string>> {
  return {
    ...(requestId === undefined ? {} : { 'karmesh.request_id': hex(requestId) }),
    ...(worker === undefined ? {} : { 'karmesh.worker': hex(worker) }),
    ...(epoch === undefined ? {} : { 'karmesh.epoch': `${epoch}` }),
  };
}

function requestSpanId(requestId: Uint8Array): string {
  return hex(requestId.subarray(16, 24));
}

function dispatchSpanId({ requestId, worker = new Uint8Array() }: About): string {
  return createHash('sha256').update(requestId).update(worker).digest('hex').slice(0, 16);
}

/** All validators of a cluster tell of an epoch's duties under one trace. */
function epochTraceId({ epoch, domain = new Uint8Array() }: StageAbout & { readonly epoch: bigint }): string {
  return createHash('sha256')
    .update('karmesh:trace:epoch')
    .update(domain)
    .update(`${epoch}`)
    .digest('hex')
    .slice(0, 32);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
