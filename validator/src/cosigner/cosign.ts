import {
  type Checkpoint,
  checkCheckpoint,
  cosign,
  cosignerName,
  type Decoded,
  type Domain,
  EMPTY_ROOT,
  equalBytes,
  findSignature,
  formatNote,
  type Identity,
  type logAnswerCodec,
  type logAskCodec,
  MAX_ANSWERED_LOGS,
  type Participant,
  parseOrigin,
  readCheckpoint,
  type SignedNote,
  type VerifySignature,
  verifyConsistency,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Signer } from '@karmesh/sdk/signer';
import type { CosignerStore } from './cosignerStore.ts';

export type CosignParts = {
  readonly domain: Domain;
  readonly me: Participant;
  readonly signer: Signer;
  readonly store: CosignerStore;
  /** The keys that a registered gateway may sign with now; none for whoever is no gateway. */
  readonly gatewayKeys: (gateway: Participant) => readonly Identity[];
  /** V-26: nothing is signed while another process may sign with this identity. */
  readonly maySign: () => boolean;
  readonly verify: VerifySignature;
  readonly nowMs: () => number;
  readonly log: Pick<Logger, 'warn' | 'error'>;
};

export type Cosigner = {
  /** G-21: answers a gateway. What it cosigns is on disk before. */
  answer(ask: Decoded<typeof logAskCodec>, remote: Identity): Decoded<typeof logAnswerCodec>;
  /** G-22: holds a checkpoint that another validator cosigned against those that this one did. */
  compare(note: string): void;
};

type Known = {
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
  /** Of the gateway, the key that signed. */
  readonly identity: Identity;
};

export const cosigner = (parts: CosignParts): Cosigner => {
  const { domain, me, signer, store, gatewayKeys, maySign, verify, nowMs, log } = parts;
  const answerOf = (status: 'behind' | 'unknown' | 'refused', size = 0): Decoded<typeof logAnswerCodec> => ({
    status,
    size: BigInt(size),
    checkpoints: [],
  });

  /** A checkpoint of a gateway of this cluster, with its signature. */
  const known = (text: string): Known | undefined => {
    const read = readCheckpoint(text);
    const origin = read === undefined ? undefined : parseOrigin(read.checkpoint.origin);
    if (read === undefined || origin === undefined || !equalBytes(origin.domain, domain)) return undefined;
    const identity = gatewayKeys(origin.gateway).find(
      (key) => checkCheckpoint(read.note, { origin: read.checkpoint.origin, identity: key, verify }) !== undefined,
    );
    return identity === undefined ? undefined : { ...read, identity };
  };

  /** Two checkpoints of one size need nothing else to show that the gateway forked its log. */
  const isFork = ({ note, checkpoint }: Known): boolean => {
    const { origin, size, root } = checkpoint;
    const held = store.at(origin, size);
    if (held === undefined || equalBytes(held.root, root)) return false;
    if (store.addFork(origin, { first: held.note, second: formatNote(note), isProven: true }))
      log.error({ origin, size }, 'A gateway signed two logs of one size; both checkpoints are kept as evidence.');
    return true;
  };

  const cosignKnown = (
    ask: Decoded<typeof logAskCodec>,
    found: Known,
    remote: Identity,
  ): Decoded<typeof logAnswerCodec> => {
    const { note, checkpoint, identity } = found;
    const { origin, size, root } = checkpoint;
    if (isFork(found) || store.isForked(origin)) return answerOf('refused');
    const newest = store.newest(origin);
    const oldSize = newest?.size ?? 0;
    if (ask.oldSize !== BigInt(oldSize) || size < oldSize) return answerOf('behind', oldSize);
    const oldRoot = newest?.root ?? EMPTY_ROOT;
    if (!verifyConsistency({ oldSize, oldRoot, size, root, path: ask.path })) {
      // Anybody can show a true checkpoint with a false path; the gateway itself has no reason to.
      const fork = { first: newest?.note ?? '', second: formatNote(note), isProven: false };
      if (equalBytes(remote, identity) && store.addFork(origin, fork))
        log.warn({ origin, oldSize, size }, 'A gateway cannot show that its log only grew; both checkpoints are kept.');
      return answerOf('refused');
    }
    const seconds = BigInt(Math.floor(nowMs() / 1000));
    const own = cosign(signer, { name: cosignerName(me), text: note.text, seconds });
    // Of what else stands under the note nobody has asked whether it holds.
    const signature = findSignature(note, { name: origin, identity }, 'ed25519');
    const signatures = signature === undefined ? [own] : [signature, own];
    const text = formatNote({ text: note.text, signatures });
    // What is there already costs no write, however often it is asked for.
    if (size > oldSize) store.put({ origin, size, root, note: text });
    return { status: 'cosigned', size: BigInt(size), checkpoints: [text] };
  };

  return {
    answer(ask, remote) {
      if (ask.what === 'latest') {
        const checkpoints = store.latest(MAX_ANSWERED_LOGS).map(({ note }) => note);
        return { status: 'latest', size: 0n, checkpoints };
      }
      const found = known(ask.checkpoint);
      return found === undefined || !maySign() ? answerOf('unknown') : cosignKnown(ask, found, remote);
    },
    compare(text) {
      const found = known(text);
      if (found !== undefined) isFork(found);
    },
  };
};
