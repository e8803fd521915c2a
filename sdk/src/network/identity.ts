import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { KarmeshError } from '../errors.ts';
import type { Identity } from '../protocol/signature.ts';

const identityLength = 32;

/**
 * The peer id of an identity key, or of its text.
 *
 * @throws KarmeshError `BAD_ARGUMENT` for bytes of another length or a text that is no Ed25519 peer id.
 */
export function parsePeer(peer: Uint8Array | string): PeerId {
  if (typeof peer !== 'string') {
    if (peer.length !== identityLength) {
      throw new KarmeshError('BAD_ARGUMENT', 'An identity is 32 bytes.', { bytes: peer.length });
    }
    return peerIdFromPublicKey(publicKeyFromRaw(peer));
  }
  let id: PeerId;
  try {
    id = peerIdFromString(peer);
  } catch (cause) {
    throw new KarmeshError('BAD_ARGUMENT', 'The text is no peer id.', { peer }, cause);
  }
  if (identityOf(id) === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'The peer id holds no Ed25519 key.', { peer });
  return id;
}

/** The Ed25519 key in a peer id, or undefined for a peer of another key type, with whom we do not speak. */
export function identityOf(peer: PeerId): Identity | undefined {
  return peer.type === 'Ed25519' ? peer.publicKey.raw : undefined;
}
