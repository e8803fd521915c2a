import { type Participant, toHex } from '@karmesh/sdk/protocol';
import type { KnownHeader, ProducerHistory } from './batchHeader.ts';

/** How many headers a producer may send at once after a silence, as when it catches its peers up after a restart. */
const BURST = 32;
/** How many headers are remembered per producer: some 300 bytes each. */
const REMEMBERED = 4096;

export interface ProducerHistories {
  of(producer: Participant): ProducerHistory;
  note(producer: Participant, header: KnownHeader & { readonly sequence: bigint }): void;
  /** The sequence up to which every header is known or was passed over. */
  knownTo(producer: Participant): bigint;
  /** Says that nothing is wanted any more up to this sequence. */
  passTo(producer: Participant, sequence: bigint): void;
}

interface Row {
  readonly headers: Map<bigint, KnownHeader>;
  turns: number;
  filledAtMs: number;
  knownTo: bigint;
}

/** I-06 and I-07: a bounded memory of each producer's headers. Producers are gateways with a bond, so their number is bounded by the chain. */
export function producerHistories(parts: { readonly nowMs: () => number }): ProducerHistories {
  const rows = new Map<string, Row>();
  const rowOf = (producer: Participant): Row => {
    const key = toHex(producer);
    const row = rows.get(key) ?? {
      headers: new Map<bigint, KnownHeader>(),
      turns: BURST,
      filledAtMs: parts.nowMs(),
      knownTo: 0n,
    };
    rows.set(key, row);
    return row;
  };
  return {
    of(producer) {
      const row = rowOf(producer);
      return {
        header: (sequence) => row.headers.get(sequence),
        takeTurn() {
          const now = parts.nowMs();
          row.turns = Math.min(BURST, row.turns + Math.max(0, now - row.filledAtMs) / 1000);
          row.filledAtMs = now;
          if (row.turns < 1) return false;
          row.turns -= 1;
          return true;
        },
      };
    },
    note(producer, { sequence, headerHash, bytes }) {
      const { headers } = rowOf(producer);
      // What gossip hands over is a view of a larger chunk, which would stay as long as the view.
      headers.set(sequence, { headerHash, bytes: bytes.slice() });
      if (headers.size <= REMEMBERED) return;
      // A map gives its keys in the order of insertion.
      for (const oldest of headers.keys()) {
        headers.delete(oldest);
        break;
      }
    },
    knownTo: (producer) => rowOf(producer).knownTo,
    passTo(producer, sequence) {
      const row = rowOf(producer);
      if (row.knownTo < sequence) row.knownTo = sequence;
      while (row.headers.has(row.knownTo + 1n)) row.knownTo += 1n;
    },
  };
}
