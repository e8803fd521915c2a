import { oneOf, struct, text, u64, vector } from './codec.ts';
import { hashCodec } from './hash.ts';
import { MAX_PATH_HASHES } from './transparencyTree.ts';

/** G-20: a gateway asks a validator to cosign a checkpoint, or a validator asks another which it has cosigned: one ask, one answer. */
export const LOG_PROTOCOL = '/karmesh/log/1';

/** Bytes of a checkpoint with the signature of its gateway, or of a validator's besides. */
const MAX_NOTE_BYTES = 1_024;
/** Logs in one answer. */
export const MAX_ANSWERED_LOGS = 32;
export const MAX_LOG_FRAME_BYTES = 65_536;

/** G-20: `latest` has no checkpoint and no path. */
export const logAskCodec = struct({
  what: oneOf(['cosign', 'latest']),
  /** Of the checkpoint that the validator cosigned last, as far as the gateway knows; 0 if it knows of none. */
  oldSize: u64,
  /** G-03, from there. */
  path: vector(hashCodec, MAX_PATH_HASHES),
  checkpoint: text(MAX_NOTE_BYTES),
});

/**
 * G-21: `cosigned`, with the checkpoint under its two signatures. `behind`: `size` is that of the last one. `unknown`: no registered gateway
 * of this cluster signed it. `refused`: it does not go on from what was cosigned. `latest`: the answer to that ask.
 */
export const LOG_ANSWERS = ['cosigned', 'behind', 'unknown', 'refused', 'latest'] as const;
export const logAnswerCodec = struct({
  status: oneOf(LOG_ANSWERS),
  size: u64,
  checkpoints: vector(text(MAX_NOTE_BYTES), MAX_ANSWERED_LOGS),
});
