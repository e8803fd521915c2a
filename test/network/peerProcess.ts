// One host in a process of its own, to be frozen and killed. Arguments: the keypair's secret in hex, the listening address, bootstrap addresses.
import { createHost } from '@karmesh/sdk/network';
import { fromHex, toHex } from '@karmesh/sdk/protocol';
import { keypairFromSecret } from '@karmesh/sdk/runtime';
import { domain, serveEcho } from './openHost.ts';

const [secret = '', listen = '', ...bootstrap] = process.argv.slice(2);
const host = await createHost({
  keypair: keypairFromSecret(fromHex(secret)),
  domain,
  localnet: true,
  listen: [listen],
  bootstrap,
});
await serveEcho(host);
process.stdout.write(`${JSON.stringify({ identity: toHex(host.identity), addresses: host.addresses() })}\n`);
