import {
  BODY_KINDS,
  type BodyReference,
  decode,
  encode,
  equalBytes,
  hashCodec,
  oneOf,
  struct,
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
  /** Resolves once the reference is on disk; does nothing for one that is there. */
  add(epoch: bigint, body: StoredReference): Promise<void>;
  forget(epoch: bigint): void;
}

export async function openBodyIndex(path: string): Promise<BodyIndex> {
  const log = await openAppendLog({ path });
  const byEpoch = new Map<bigint, StoredReference[]>();
  const note = (epoch: bigint, body: StoredReference): void => {
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), body]);
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
    async add(epoch, body) {
      if (of(epoch).some(({ kind, bodyHash }) => kind === body.kind && equalBytes(bodyHash, body.bodyHash))) return;
      await log.append(encode(recordCodec, { epoch, ...body }));
      note(epoch, body);
    },
    forget: (epoch) => {
      byEpoch.delete(epoch);
    },
    [Symbol.asyncDispose]: () => log.close(),
  };
}
