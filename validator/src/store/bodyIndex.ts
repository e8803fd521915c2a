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

const recordCodec = struct({ epoch: u64, kind: oneOf(BODY_KINDS), key: hashCodec, bodyHash: hashCodec });

/** Which bodies are on disk, by epoch. It stands apart from the epochs' logs, so that a peer who asks for old epochs costs a look-up. */
export interface BodyIndex extends AsyncDisposable {
  readonly log: AppendLog;
  epochs(): Iterable<bigint>;
  of(epoch: bigint): readonly BodyReference[];
  /** Resolves once the reference is on disk; does nothing for one that is there. */
  add(epoch: bigint, body: BodyReference): Promise<void>;
  forget(epoch: bigint): void;
}

export async function openBodyIndex(path: string): Promise<BodyIndex> {
  const log = await openAppendLog({ path });
  const byEpoch = new Map<bigint, BodyReference[]>();
  const note = (epoch: bigint, body: BodyReference): void => {
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), body]);
  };
  const of = (epoch: bigint): readonly BodyReference[] => byEpoch.get(epoch) ?? [];
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
