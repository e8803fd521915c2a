import { type Codec, type Decoded, oneOf, type Sink, type Source, struct, u32, u64 } from '../protocol/codec.ts';

/** Whether a worker takes work now, and which of its operator's limits says no. */
export const workerStates = ['serving', 'outside-hours', 'on-battery', 'over-memory'] as const;
export type WorkerState = (typeof workerStates)[number];

/**
 * N-11: how a worker says that it is. It is its own word, which nobody checks: good for people who watch and for deciding when to try
 * again, and for nothing that money or karma depends on.
 */
export const workerHealthCodec = struct({
  state: oneOf(workerStates),
  /** Thousandths of the threads that its operator gives. */
  cpuPermille: u32,
  residentBytes: u64,
  /** Requests that run and that wait, and how many of each it takes. */
  active: u32,
  waiting: u32,
  maxActive: u32,
  maxWaiting: u32,
  /** Thousandths of an output token per second that one request gets, by its last answers; 0 before the first. */
  milliTokensPerSecond: u64,
});
export type WorkerHealth = Decoded<typeof workerHealthCodec>;

const presence = oneOf(['absent', 'present']);
/** A u8, 1 for absent and 2 for present, then the health. */
export const optionalHealthCodec: Codec<WorkerHealth | undefined> = {
  size: undefined,
  write(value: WorkerHealth | undefined, sink: Sink) {
    presence.write(value === undefined ? 'absent' : 'present', sink);
    if (value !== undefined) workerHealthCodec.write(value, sink);
  },
  read: (source: Source) => (presence.read(source) === 'present' ? workerHealthCodec.read(source) : undefined),
};
