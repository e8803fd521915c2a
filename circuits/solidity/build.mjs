// Compiles the contracts for EVM chains (docs/proofs.md, Z-50) with solc from npm.
//
//   node build.mjs           writes contracts.json and SHA256SUMS
//   node build.mjs --check   compiles and fails unless the committed files have the same bytes
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import solc from 'solc';

const here = import.meta.dirname;
const sources = readdirSync(here).filter((name) => name.endsWith('.sol'));
const input = {
  language: 'Solidity',
  sources: Object.fromEntries(sources.map((name) => [name, { content: readFileSync(join(here, name), 'utf8') }])),
  settings: {
    // What chains have that follow Ethereum at a distance.
    evmVersion: 'shanghai',
    optimizer: { enabled: true, runs: 1_000_000 },
    // No hash of the sources' comments behind the code: it changes when they do.
    metadata: { appendCBOR: false, bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input)));
if (errors.length > 0) {
  process.stderr.write(`${errors.map(({ formattedMessage }) => formattedMessage).join('\n')}\n`);
  process.exit(1);
}
const built = Object.fromEntries(
  ['KarmeshProofs', 'LayerVerifier'].map((name) => {
    const { abi, evm } = contracts[`${name}.sol`][name];
    return [name, { abi, bytecode: `0x${evm.bytecode.object}` }];
  }),
);
const text = `${JSON.stringify({ compiler: solc.version(), ...built }, undefined, 1)}\n`;
const sum = `${createHash('sha256').update(text).digest('hex')}  contracts.json\n`;
if (process.argv.includes('--check')) {
  const committed = ['contracts.json', 'SHA256SUMS'].map((name) => readFileSync(join(here, name), 'utf8'));
  if (committed[0] !== text || committed[1] !== sum) {
    process.stderr.write(`The contracts’ source compiles to something else than the committed files:\n${sum}`);
    process.exit(1);
  }
} else {
  writeFileSync(join(here, 'contracts.json'), text);
  writeFileSync(join(here, 'SHA256SUMS'), sum);
}
process.stdout.write(sum);
