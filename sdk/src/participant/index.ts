export * from './epochBodies.ts';
export * from './observeChain.ts';
export * from './observePeers.ts';
export * from './openParticipantHost.ts';
export * from './registered.ts';
export * from './registration.ts';
export * from './releasedProgramHash.ts';
export * from './secp256k1Proof.ts';
