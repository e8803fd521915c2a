// One host that knows nobody's address and looks around on the local network. Arguments: the address to listen on, the byte that fills its domain.
// It writes its identity, and then whom it is connected to whenever that changes.
import { createHost } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';

const [listen = '', cluster = ''] = process.argv.slice(2);
const keypair = generateKeypair();
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
say({ identity: toHex(keypair.publicKey) });
const host = await createHost({
  keypair,
  domain: new Uint8Array(32).fill(Number(cluster)),
  listen: [listen],
  lan: true,
});
const tell = (): void => say({ peers: host.peers().map(({ identity }) => toHex(identity)) });
host.onPeer(tell);
tell();
