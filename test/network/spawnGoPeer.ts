import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { toHex } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';

/** What the peer of `goPeer/` says of itself, one JSON object a line. */
export type GoPeerEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

export type GoPeer = AsyncDisposable & {
  /** The first event, said already or later, that fits. Rejects when the peer ends before. */
  event(fits: (event: GoPeerEvent) => boolean): Promise<GoPeerEvent>;
  /** All events of this name so far. */
  events(name: string): readonly GoPeerEvent[];
};

/** Starts the peer of `goPeer/`, which dials `addresses`. */
export function spawnGoPeer({
  path,
  domain,
  keypair,
  participant,
  addresses,
}: {
  readonly path: string;
  readonly domain: Uint8Array;
  readonly keypair: Keypair;
  readonly participant: Uint8Array;
  readonly addresses: readonly string[];
}): GoPeer {
  const seed = keypair.secretKey().subarray(0, 32);
  const flags = ['-domain', toHex(domain), '-seed', toHex(seed), '-participant', toHex(participant)];
  const child = spawn(path, [...flags, ...addresses], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const events: GoPeerEvent[] = [];
  const wakes = new Set<() => void>();
  let ended = false;
  const wake = (): void => {
    for (const each of wakes) each();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as GoPeerEvent);
    wake();
  });
  child.once('close', () => {
    ended = true;
    wake();
  });
  return {
    event: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find(fits);
          if (found === undefined && !ended) return;
          wakes.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`The peer ended with ${child.exitCode ?? child.signalCode} before it said so.`));
        };
        wakes.add(look);
        look();
      }),
    events: (name) => events.filter(({ event }) => event === name),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await closed;
    },
  };
}
