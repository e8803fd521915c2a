export { type EvmAddress, evmAddressOf, parseEvmAddress } from './evmAddress.ts';
export type { CallOptions, EvmSent, SendOptions } from './evmCall.ts';
export { deployLayerVerifier, type LayerVerifier, layerVerifierAt } from './layerVerifier.ts';
export { type EvmChain, openEvmChain } from './openEvmChain.ts';
export { connectProofs, deployProofs, type ProofClaim, type ProofsClient } from './proofsContract.ts';
export { parseSignedStatement, type SignedStatement, signedStatementJson } from './signedStatement.ts';
export * from './statements.ts';
export { type EvmValidator, type EvmValidatorSet, evmValidatorSet } from './validatorSet.ts';
