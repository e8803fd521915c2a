import { toHex } from '@karmesh/sdk/protocol';

/** W-08: the numbers that gateways have used towards this worker. */
export interface SeenNumbers {
  /** True if neither number was used before, and notes them. */
  take(numbers: {
    readonly gateway: Uint8Array;
    readonly epoch: bigint;
    readonly ticketNumber: bigint;
    readonly dispatchNumber: bigint;
  }): boolean;
}

/** An epoch has at most 65,536 dispatches of a gateway; beyond this many the oldest are forgotten, which their age refuses anyway. */
const MAX_NUMBERS = 131_072;

/** W-08: a ticket or dispatch number is answered once. */
export function seenNumbers(): SeenNumbers {
  const seen = new Set<string>();
  const note = (key: string): void => {
    seen.add(key);
    if (seen.size <= MAX_NUMBERS) return;
    const oldest = seen.values().next().value;
    if (oldest !== undefined) seen.delete(oldest);
  };
  return {
    take({ gateway, epoch, ticketNumber, dispatchNumber }) {
      const name = toHex(gateway);
      const keys = [`ticket ${name} ${ticketNumber}`, `dispatch ${name} ${epoch} ${dispatchNumber}`];
      if (keys.some((key) => seen.has(key))) return false;
      for (const key of keys) note(key);
      return true;
    },
  };
}
