/** A proof and the public signals that its witness has. */
export interface Proven {
  /** As `verifyProof` reads it. */
  readonly proof: Uint8Array;
  /** What a verifier must come to by itself; here only to be compared. */
  readonly signals: readonly bigint[];
}

/** Makes Groth16 proofs. */
export interface Prover {
  /** Of a witness (.wtns) under the key in a .zkey file, whose hash the caller has checked. Throws `FILE_INVALID`, `KERNEL_FAILED`. */
  prove(files: { readonly zkey: string; readonly witness: Uint8Array }): Promise<Proven>;
}
