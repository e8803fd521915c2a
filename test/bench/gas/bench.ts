import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployLayerVerifier } from '@karmesh/sdk/evm';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { openProvenLayers } from '../../evm/provenLayers.ts';
import { epochStatement, gasLimit, modelKeys, openScene, signatures } from '../../evm/scene.ts';
import { rpc, startAnvil } from '../../evm/startAnvil.ts';
import { type BenchReport, type BenchRow, benchRow, loadNow } from '../report.ts';
import { snarkjsVerifier } from './snarkjsVerifier.ts';

/** The most gas that checking a proof of three signals may take, its transaction included. */
const AIM = 260_000;

/**
 * What proofs cost on an EVM chain, in gas: our verifier beside the contract that snarkjs exports for the same key, both as transactions on anvil with the
 * same proof; and the calls that bind a proof to a receipt, beside the latter too, which binds it to nothing. Gas is the same on every machine, but for the zeros among a
 * proof’s bytes, which are cheaper.
 */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-gas-'));
  try {
    await using anvil = await startAnvil();
    await using layers = await openProvenLayers();
    const options = { signal: new AbortController().signal, gasLimit };
    const { runner } = anvil.chain;
    talk('Deploying the contract …');
    const scene = await openScene(anvil, layers);
    const claim = await scene.claim();
    const [key] = layers.keys;
    if (key === undefined) throw new Error('There is no key.');
    const verifier = await deployLayerVerifier(key.verifyingKey, { runner, ...options });
    talk('Exporting and compiling the rival …');
    const rival = await transaction(anvil.url, { data: await snarkjsVerifier(key.zkey, folder) });

    const { signals, proof } = claim;
    const words = (numbers: readonly bigint[]): string => numbers.map((n) => n.toString(16).padStart(64, '0')).join('');
    const ourCall = `${selector('verify(uint256[],bytes)')}${words([64n, BigInt(96 + 32 * signals.length), BigInt(signals.length), ...signals, 256n])}${Buffer.from(proof).toString('hex')}`;
    const ours = await transaction(anvil.url, { to: verifier.address, data: ourCall });
    const rivalCall = `${selector('verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[3])')}${Buffer.from(proof).toString('hex')}${words(signals)}`;
    const said = await rpc<string>(anvil.url, 'eth_call', [{ to: rival.contractAddress, data: rivalCall }, 'latest']);
    if (BigInt(said) !== 1n) throw new Error('The rival refuses the proof.');
    const theirs = await transaction(anvil.url, { to: rival.contractAddress ?? '', data: rivalCall });

    const bound = await scene.client.prove(claim, options);
    const again = await scene.client.prove(claim, options);
    const registered = await scene.client.registerLayer(modelKeys(layers).layer(2), options);
    const epoch = epochStatement(9n);
    const advanced = await scene.client.advance(epoch, signatures(scene.client.contract, epoch, 3), options);

    const row = (
      what: string,
      gas: number | bigint,
      rivalGas: number,
      bound: { readonly atMost?: number } = {},
    ): BenchRow =>
      benchRow({ what, ours: Number(gas), rivalName: 'snarkjs’ contract', rival: rivalGas, unit: 'gas', ...bound });
    return {
      bench: 'gas',
      load: `${before} before, ${loadNow()} after`,
      rows: [
        benchRow({
          what: 'verifier alone, 3 signals',
          ours: ours.gas,
          rivalName: 'the aim',
          rival: AIM,
          unit: 'gas',
          atMost: 1,
        }),
        row('verifier alone, 3 signals', ours.gas, theirs.gas, { atMost: 1.1 }),
        row('putting a key onto the chain', registered.gasUsed, rival.gas),
        row('verifier alone onto the chain', verifier.gasUsed, rival.gas),
        row('prove: proof, receipt, context', bound.gasUsed, theirs.gas),
        row('prove again: nothing new', again.gasUsed, theirs.gas),
        row('advance: 3 signatures of 4', advanced.gasUsed, theirs.gas),
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const selector = (signature: string): string =>
  `0x${Buffer.from(keccak_256(new TextEncoder().encode(signature)).subarray(0, 4)).toString('hex')}`;

/** Sends a transaction from anvil’s own account with gas to spare, and takes what it used. */
async function transaction(
  url: string,
  fields: { readonly to?: string; readonly data: string },
): Promise<{ readonly gas: number; readonly contractAddress: string | null }> {
  const [from] = await rpc<readonly string[]>(url, 'eth_accounts', []);
  const gas = `0x${gasLimit.toString(16)}`;
  const hash = await rpc<string>(url, 'eth_sendTransaction', [{ ...fields, from, gas }]);
  const receipt = await rpc<{
    readonly gasUsed: string;
    readonly status: string;
    readonly contractAddress: string | null;
  }>(url, 'eth_getTransactionReceipt', [hash]);
  if (receipt.status !== '0x1') throw new Error('A transaction failed.');
  return { gas: Number(receipt.gasUsed), contractAddress: receipt.contractAddress };
}
