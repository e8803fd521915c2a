import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { WorkerState } from '@karmesh/sdk/network';
import { type Hours, minutesUntil } from './hours.ts';
import type { Power } from './readPower.ts';

/** What an operator lets a worker use. What is not named is not limited. */
export interface GovernorOptions {
  /** When it works, in the machine's local time; always if there are none. */
  readonly hours: readonly Hours[];
  /** On battery it works from this charge on. */
  readonly minBatteryPercent: number | undefined;
  readonly maxMemoryBytes: number | undefined;
}

export interface GovernorParts {
  readonly clock: Clock;
  /** Minutes since the machine's midnight. */
  readonly minuteOfDay: () => number;
  readonly residentBytes: () => number;
  readonly readPower: () => Promise<Power>;
  /** Called when another limit holds than before, and when none does any more. */
  readonly onChange: (now: Standing) => void;
}

/** What the limits say: `serving`, or the first of them that forbids work, in a sentence, and when it may be over. */
export type Standing =
  | { readonly state: 'serving' }
  | {
      readonly state: Exclude<WorkerState, 'serving'>;
      readonly sentence: string;
      readonly facts: Readonly<Record<string, number | undefined>>;
      readonly retryAfterMs: number;
    };

export interface Governor extends Disposable {
  /** What holds now. */
  standing(): Standing;
  /** Throws `WORKER_PAUSED` while a limit forbids work. */
  check(): void;
  /** Reads the battery, and tells of what has changed. */
  look(): Promise<void>;
}

const LOOK_EVERY_MS = 5_000;
const RETRY_MS = 60_000;
const MS_PER_MINUTE = 60_000;
/** Memory that was over its limit has to fall to so much of it, or the worker would stop and go with every request. */
const ENOUGH_FREE = 0.95;

/** Keeps a worker within what its operator gives. It decides only whether new work is taken: what runs is brought to its end. */
export const governor =
  (options: GovernorOptions) =>
  (parts: GovernorParts): Governor => {
    let power: Power = { kind: 'mains' };
    let wasOver = false;
    let told: WorkerState = 'serving';
    let silence = (): void => {};

    const isOverMemory = (residentBytes: number): boolean => {
      const { maxMemoryBytes } = options;
      wasOver = maxMemoryBytes !== undefined && residentBytes > maxMemoryBytes * (wasOver ? ENOUGH_FREE : 1);
      return wasOver;
    };

    const standing = (): Standing => {
      const minutes = minutesUntil(options.hours, parts.minuteOfDay());
      if (minutes > 0) {
        const sentence = 'The worker rests outside of its hours.';
        return { state: 'outside-hours', sentence, facts: { minutes }, retryAfterMs: minutes * MS_PER_MINUTE };
      }
      const { minBatteryPercent, maxMemoryBytes } = options;
      // A charge that nobody can read may be the last one.
      if (minBatteryPercent !== undefined && power.kind === 'battery' && (power.percent ?? -1) < minBatteryPercent) {
        const sentence = 'The worker rests until the machine has more power.';
        const facts = { percent: power.percent, minBatteryPercent };
        return { state: 'on-battery', sentence, facts, retryAfterMs: RETRY_MS };
      }
      const residentBytes = parts.residentBytes();
      if (isOverMemory(residentBytes)) {
        const sentence = 'The worker rests until it uses less memory.';
        return { state: 'over-memory', sentence, facts: { residentBytes, maxMemoryBytes }, retryAfterMs: RETRY_MS };
      }
      return { state: 'serving' };
    };

    const tell = (): void => {
      const now = standing();
      if (now.state === told) return;
      told = now.state;
      parts.onChange(now);
    };

    const look = async (): Promise<void> => {
      if (options.minBatteryPercent !== undefined) power = await parts.readPower();
      tell();
    };

    const lookLater = (): void => {
      silence = parts.clock.alarm(LOOK_EVERY_MS, () => {
        lookLater();
        void look();
      });
    };
    lookLater();

    return {
      standing,
      look,
      check() {
        const now = standing();
        if (now.state !== 'serving') throw new KarmeshError('WORKER_PAUSED', now.sentence, now.facts);
      },
      [Symbol.dispose]: () => silence(),
    };
  };
