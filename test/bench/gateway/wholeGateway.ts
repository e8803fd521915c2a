import { serveGateway } from './serveGateway.ts';
import { gatewayAt } from './standingChain.ts';
import { openWholeMarket } from './wholeMarket.ts';

// The whole gateway with a market of three workers, whose first is told where it is.
const [folder = '', beganMs = '0', databaseUrl = ''] = process.argv.slice(2);
const gateway = gatewayAt(0);
await serveGateway({ folder, databaseUrl, gateway, hasBuyer: true }, (parts) =>
  openWholeMarket(parts, {
    beganMs: Number(beganMs),
    bootstrap: [],
    onHost: (address) => process.send?.({ bootstrap: address }),
  }),
);
