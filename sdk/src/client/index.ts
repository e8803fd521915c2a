export * from './ask.ts';
export * from './fetchBundle.ts';
export type { Gateway } from './gateway.ts';
export * from './readBundleChain.ts';
