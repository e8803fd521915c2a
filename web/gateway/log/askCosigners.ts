import { KarmeshError } from '@karmesh/sdk/errors';
import { askOnce, type Host } from '@karmesh/sdk/network';
import {
  checkCosignature,
  decode,
  encode,
  findSignature,
  formatNote,
  type Hash,
  LOG_PROTOCOL,
  logAnswerCodec,
  logAskCodec,
  MAX_LOG_FRAME_BYTES,
  type NoteKey,
  type NoteSignature,
  readCheckpoint,
  type SignedNote,
  type VerifySignature,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';

export type AskCosignersOptions = {
  /** For the answer of one validator, in milliseconds. */
  readonly timeoutMs: number;
};

export type AskCosignersParts = {
  readonly host: Pick<Host, 'openStream'>;
  /** The validators there are, each by the name that it cosigns under and the key that it has now. */
  readonly cosigners: () => readonly NoteKey[];
  /** G-03: how the log goes on from one of its sizes to the size of the checkpoint. */
  readonly pathFrom: (oldSize: number, size: number) => Promise<readonly Hash[]>;
  readonly verify: VerifySignature;
  readonly log: Pick<Logger, 'debug' | 'error'>;
};

export type AskCosigners = {
  /** G-20: asks every validator to cosign a checkpoint, and gives the signatures of those who did. */
  ask(
    checkpoint: { readonly note: SignedNote; readonly size: number },
    signalled: { readonly signal: AbortSignal },
  ): Promise<readonly NoteSignature[]>;
};

export const askCosigners =
  ({ timeoutMs }: AskCosignersOptions) =>
  (parts: AskCosignersParts): AskCosigners => {
    const { host, cosigners, pathFrom, verify, log } = parts;
    /** The size that each validator cosigned last, by its name. */
    const cosigned = new Map<string, number>();

    const askFrom = async (
      { name, identity }: NoteKey,
      { note, size }: { readonly note: SignedNote; readonly size: number },
      { signal }: { readonly signal: AbortSignal },
    ): Promise<NoteSignature | 'behind' | undefined> => {
      const oldSize = cosigned.get(name) ?? 0;
      const path = await pathFrom(oldSize, size);
      const ask = encode(logAskCodec, { what: 'cosign', oldSize: BigInt(oldSize), path, checkpoint: formatNote(note) });
      const request = { peer: identity, protocol: LOG_PROTOCOL, maxFrameBytes: MAX_LOG_FRAME_BYTES, ask };
      const bytes = await askOnce(host, request, { signal });
      const answer = bytes === undefined ? undefined : decode(logAnswerCodec, bytes);
      switch (answer?.status) {
        case 'cosigned': {
          const [text = ''] = answer.checkpoints;
          const signed = readCheckpoint(text)?.note;
          if (signed?.text !== note.text || checkCosignature(signed, { name, identity, verify }) === undefined)
            return undefined;
          cosigned.set(name, size);
          return findSignature(signed, { name, identity }, 'cosignature');
        }
        case 'behind':
          if (answer.size > BigInt(size)) {
            log.error(
              { validator: name, size, cosigned: answer.size.toString() },
              'A validator has cosigned more of the log than there is; the database may be an old copy.',
            );
            return undefined;
          }
          cosigned.set(name, Number(answer.size));
          return 'behind';
        case 'refused':
          log.error({ validator: name, size }, 'A validator refuses to cosign: it holds another past of this log.');
          return undefined;
        default:
          return undefined;
      }
    };

    const askOne = async (
      key: NoteKey,
      checkpoint: { readonly note: SignedNote; readonly size: number },
      signal: AbortSignal,
    ): Promise<NoteSignature | undefined> => {
      const signalled = { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) };
      try {
        const first = await askFrom(key, checkpoint, signalled);
        // It says where it stands; once told, it can be shown the way from there.
        const answer = first === 'behind' ? await askFrom(key, checkpoint, signalled) : first;
        return answer === 'behind' ? undefined : answer;
      } catch (err) {
        if (!(err instanceof KarmeshError)) throw err;
        log.debug({ err, validator: key.name }, 'A validator did not cosign.');
        return undefined;
      }
    };

    return {
      async ask(checkpoint, { signal }) {
        const asked = await Promise.all(cosigners().map((key) => askOne(key, checkpoint, signal)));
        return asked.filter((one) => one !== undefined);
      },
    };
  };
