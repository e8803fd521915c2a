import type { Host } from '@karmesh/sdk/network';

/** What the scheduler needs of the network. */
export type MarketNetwork = Pick<Host, 'openStream'>;
