import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import solc from 'solc';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The code of the contract that snarkjs exports for a key, compiled with the settings of circuits/solidity/build.mjs. Its template is GPL: it is made here and kept nowhere. */
export async function snarkjsVerifier(zkey: string, folder: string): Promise<string> {
  const source = join(folder, 'snarkjs.sol');
  const cli = join(root, 'node_modules/snarkjs/build/cli.cjs');
  await promisify(execFile)(process.execPath, [cli, 'zkey', 'export', 'solidityverifier', zkey, source]);
  const input = {
    language: 'Solidity',
    sources: { 'snarkjs.sol': { content: await readFile(source, 'utf8') } },
    settings: {
      evmVersion: 'shanghai',
      optimizer: { enabled: true, runs: 1_000_000 },
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
    },
  };
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input))) as {
    readonly contracts: Readonly<
      Record<string, Readonly<Record<string, { readonly evm: { readonly bytecode: { readonly object: string } } }>>>
    >;
  };
  const object = contracts['snarkjs.sol']?.Groth16Verifier?.evm.bytecode.object;
  if (object === undefined) throw new Error('snarkjs exported another contract than Groth16Verifier.');
  return `0x${object}`;
}
