/**
 * What signs a participant's records. The same Ed25519 key is the libp2p peer id, so that whoever a node talks to is whoever
 * signs the receipts. Callers that only sign take this type and never see the secret half.
 */
export type Signer = {
  /** The 32-byte Ed25519 public key (RFC 8032). */
  readonly publicKey: Uint8Array;
  /** The 64-byte Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array;
};
