export { type Localnet, type LocalnetOptions, type LocalnetParts, startLocalnet } from './startLocalnet.ts';
