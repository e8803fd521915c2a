import { struct, u64, vector } from './codec.ts';
import { batchRecord } from './records.ts';
import { signedCodec } from './signature.ts';

/** I-09: asks a gateway for the headers of its batches that gossip may not have brought: one ask, one answer. */
export const BATCHES_PROTOCOL = '/karmesh/batches/1';

/** Headers in one answer. */
export const MAX_ANSWERED_BATCHES = 256;

/** 256 signed headers of 188 bytes and their count. */
export const MAX_BATCHES_FRAME_BYTES = 4 + MAX_ANSWERED_BATCHES * 188;

/** Headers of this epoch and later ones, with a sequence above `after`. */
export const batchesAskCodec = struct({ epoch: u64, after: u64 });

/** F-30, as gossiped and as answered. */
export const signedBatchCodec = signedCodec(batchRecord);

/** In the order of their sequence, the lowest first. */
export const batchesAnswerCodec = struct({ headers: vector(signedBatchCodec, MAX_ANSWERED_BATCHES) });
