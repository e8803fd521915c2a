export { type VerifyLayerOptions, verifyLayer } from './verifyLayer.ts';
export { PROOF_BYTES, type ProofFault, type ProofVerdict } from './verifyProof.ts';
export { type SumCheckVerdict, type VerifySumCheckOptions, verifySumCheck } from './verifySumCheck.ts';
