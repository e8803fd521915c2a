import { type Codec, fixedBytes } from './codec.ts';
import type { Hash } from './hash.ts';

/** The address of a participant's account: what every record names, so that identities can rotate. */
export type Participant = Uint8Array & { readonly brand?: 'Participant' };
/** The address of an escrow account. */
export type EscrowAddress = Uint8Array & { readonly brand?: 'EscrowAddress' };
export type RequestId = Hash;
export type ModelId = Hash;
export type EngineClassId = Hash;

export const participantCodec: Codec<Participant> = fixedBytes<Participant>(32);
export const escrowCodec: Codec<EscrowAddress> = fixedBytes<EscrowAddress>(32);
