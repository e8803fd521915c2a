export { type Cluster, clusterPreset } from '../clusters/index.ts';
export { explorerAccountLink } from '../program/explorer.ts';
export * from './ask.ts';
export * from './askStreaming.ts';
export * from './chainReader.ts';
export * from './fetchBundle.ts';
export type { Gateway } from './gateway.ts';
export * from './readBundleChain.ts';
export * from './recheckBundle.ts';
