import type { BodyKind } from '@karmesh/sdk/protocol';
import { equalBytes, type Hash, type Identity, toHex } from '@karmesh/sdk/protocol';
import type { ValidatorPeers } from '../peers/validatorPeers.ts';
import type { Store } from '../store/openStore.ts';

/** No manifest, list or report is fetched that is longer. */
const MAX_BODY_BYTES = 50_000_000;

/** Which body of an epoch is wanted: the one that stands under a hash on chain. */
export interface WantedBody<T> {
  readonly epoch: bigint;
  readonly kind: BodyKind;
  readonly key: Hash;
  /** Who posted the hash. */
  readonly from: Identity | undefined;
  /** The body if the bytes are what the key stands for. */
  readonly parse: (bytes: Uint8Array) => T | undefined | Promise<T | undefined>;
}

export interface EpochBodies {
  /** From disk, else from peers, and then kept. Undefined if nobody has it. */
  find<T>(wanted: WantedBody<T>, options: { readonly signal: AbortSignal }): Promise<T | undefined>;
}

/** Finds the bodies under the chain's hashes. What a peer claims is believed only once the bytes reach the hash. */
export function epochBodies(parts: {
  readonly store: Pick<Store, 'addBody' | 'bodiesOf' | 'bytesOf'>;
  readonly peers: ValidatorPeers;
}): EpochBodies {
  const { store, peers } = parts;
  return {
    async find(wanted, { signal }) {
      const { epoch, kind, key, from, parse } = wanted;
      for (const reference of store.bodiesOf(epoch)) {
        if (reference.kind !== kind || !equalBytes(reference.key, key)) continue;
        const bytes = await store.bytesOf(reference.bodyHash);
        const body = bytes === undefined ? undefined : await parse(bytes);
        if (body !== undefined) return body;
      }
      const tried = new Set<string>();
      for await (const { peer, bodies } of peers.bodiesOf(epoch, { signal, from })) {
        for (const reference of bodies) {
          if (reference.kind !== kind || !equalBytes(reference.key, key) || tried.has(toHex(reference.bodyHash)))
            continue;
          const wantedBytes = { hash: reference.bodyHash, from: peer, maxBytes: MAX_BODY_BYTES };
          const bytes = await peers.fetchBytes(wantedBytes, { signal });
          if (bytes === undefined) continue;
          tried.add(toHex(reference.bodyHash));
          const body = await parse(bytes);
          if (body === undefined) continue;
          await store.addBody({ epoch, kind, key, bytes });
          return body;
        }
      }
      return undefined;
    },
  };
}
