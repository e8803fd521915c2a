import { serveGateway } from '../../bench/gateway/serveGateway.ts';
import { gatewayAt } from '../../bench/gateway/standingChain.ts';
import { openWholeMarket } from '../../bench/gateway/wholeMarket.ts';

// One of two whole gateways on one database. Tells its parent its URL; ends when it is told to, once all is billed and what it had set aside is given back.
const [place = '0', beganMs = '0', folder = '', databaseUrl = '', ...bootstrap] = process.argv.slice(2);
const serving = await serveGateway({ folder, databaseUrl, gateway: gatewayAt(Number(place)) }, (parts) =>
  openWholeMarket(parts, { beganMs: Number(beganMs), bootstrap }),
);
process.once('SIGTERM', async () => {
  await serving[Symbol.asyncDispose]();
  process.exit(0);
});
