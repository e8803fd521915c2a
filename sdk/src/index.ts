export * from './client/index.ts';
export * from './errors.ts';
export { type Bundle, type BundleChain, type BundleVerdict, decodeBundle, verifyBundle } from './protocol/index.ts';
export type { Signer } from './signer.ts';
