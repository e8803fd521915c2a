import {
  BODY_KINDS,
  type BodyReference,
  decode,
  encode,
  equalBytes,
  type Hash,
  hashCodec,
  oneOf,
  struct,
  toHex,
  u64,
} from '@karmesh/sdk/protocol';
import { type AppendLog, openAppendLog } from '@karmesh/sdk/runtime';

/** Bodies that are kept: those of V-18, and answers to challenges, which are fetched by the hash in a verdict. */
const STORED_KINDS = [...BODY_KINDS, 'challenge'] as const;
export type StoredKind = (typeof STORED_KINDS)[number];
export type StoredReference = Omit<BodyReference, 'kind'> & { readonly kind: StoredKind };

/** Whether peers are told of it by its epoch. */
export function isReference(body: StoredReference): body is BodyReference {
  return body.kind !== 'challenge';
}

const recordCodec = struct({ epoch: u64, kind: oneOf(STORED_KINDS), key: hashCodec, bodyHash: hashCodec });

/** Which bodies are on disk, by epoch. It stands apart from the epochs' logs, so that a peer who asks for old epochs costs a look-up. */
export interface BodyIndex extends AsyncDisposable {
  readonly log: AppendLog;
  epochs(): Iterable<bigint>;
  of(epoch: bigint): readonly StoredReference[];
  /** What the body under a hash is; undefined for one that is not here. */
  find(bodyHash: Hash): { readonly epoch: bigint; readonly kind: StoredKind } | undefined;
  /** Resolves once the reference is on disk; does nothing for one that is there. */
  add(epoch: bigint, body: StoredReference): Promise<void>;
  forget(epoch: bigint): void;
}

export async function openBodyIndex(path: string): Promise<BodyIndex> {
  const log = await openAppendLog({ path });
  const byEpoch = new Map<bigint, StoredReference[]>();
  const byHash = new Map<string, { readonly epoch: bigint; readonly kind: StoredKind }>();
  const note = (epoch: bigint, body: StoredReference): void => {
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), body]);
    byHash.set(toHex(body.bodyHash), { epoch, kind: body.kind });
  };
  const of = (epoch: bigint): readonly StoredReference[] => byEpoch.get(epoch) ?? [];
  try {
    for await (const bytes of log.read()) {
      const { epoch, kind, key, bodyHash } = decode(recordCodec, bytes);
      note(epoch, { kind, key, bodyHash });
    }
  } catch (cause) {
    await log.close();
    throw cause;
  }
  return {
    log,
    epochs: () => byEpoch.keys(),
    of,
    find: (bodyHash) => byHash.get(toHex(bodyHash)),
    async add(epoch, body) {
      if (of(epoch).some(({ kind, bodyHash }) => kind === body.kind && equalBytes(bodyHash, body.bodyHash))) return;
      await log.append(encode(recordCodec, { epoch, ...body }));
      note(epoch, body);
    },
    forget: (epoch) => {
      for (const { bodyHash } of of(epoch)) byHash.delete(toHex(bodyHash));
      byEpoch.delete(epoch);
    },
    [Symbol.asyncDispose]: () => log.close(),
  };
}
