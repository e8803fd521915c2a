import { oneOf } from './codec.ts';

/** W-20: asks a worker that is not open to everybody for access: one ask, one answer, each of one byte. */
export const ACCESS_PROTOCOL = '/karmesh/access/1';
export const MAX_ACCESS_FRAME_BYTES = 1;

/** Who asks is the identity of the stream. */
export const accessAskCodec = oneOf(['access']);

/** `waiting`: its operator has to say yes. `unknown`: no gateway is registered with this identity. `full`: too many wait already. */
export const ACCESS_ANSWERS = ['granted', 'waiting', 'unknown', 'full'] as const;
export type AccessAnswer = (typeof ACCESS_ANSWERS)[number];
export const accessAnswerCodec = oneOf(ACCESS_ANSWERS);
