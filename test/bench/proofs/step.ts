import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  circuitInputs,
  circuitOf,
  compileShape,
  elementOf,
  endSnarkjs,
  kernelProver,
  openTensorCommitter,
  setupLayer,
  snarkjsProver,
  statementOf,
  verifyLayer,
  witnessOf,
} from '@karmesh/circuits';
import { benchLayer } from './layer.ts';

// One step of a proof in a process of its own, so that what it takes can be told: step.ts STEP FOLDER ROWS COLUMNS [ZKEY].
const [step = '', folder = '', rows = '', columns = '', path = ''] = process.argv.slice(2);
const { shape, weights, x } = benchLayer(Number(rows), Number(columns));
const circuit = circuitOf(shape);
const at = (name: string): string => join(folder, `${circuit.name}.${name}`);
const key = () => setupLayer({ shape, weights, folder, seed: new Uint8Array(32) });
const provers = { snarkjs: snarkjsProver, wasm: kernelProver };

switch (step) {
  case 'setup': {
    const { zkey, constraints } = await key();
    const { size } = await stat(zkey);
    process.stdout.write(JSON.stringify({ constraints, keyBytes: size, zkey }));
    break;
  }
  case 'witness': {
    const blindings = { blindingX: 5n, blindingY: 6n };
    const context = 7n;
    const inputs = circuitInputs(shape, weights, { tensors: { x }, blindings, context });
    await writeFile(at('wtns'), await witnessOf((await compileShape(circuit, folder)).witness, inputs));
    break;
  }
  case 'statement': {
    const commit = await openTensorCommitter();
    const acc = circuitInputs(shape, weights, { tensors: { x }, blindings: {}, context: 0n }).acc as readonly string[];
    const half = 1n << BigInt(shape.shift - 1);
    const y = Int32Array.from(acc, (sum) => Number((BigInt(sum) + half) >> BigInt(shape.shift)));
    const element = (value: number): Uint8Array => new Uint8Array(32).fill(value, 0, 1);
    const signals = statementOf(circuit, {
      commitmentX: elementOf(commit({ values: x, bits: 8, blinding: element(5) })),
      commitmentY: elementOf(commit({ values: y, bits: 8, blinding: element(6) })),
      context: 7n,
    });
    await writeFile(at('signals'), signals.join('\n'));
    break;
  }
  case 'snarkjs':
  case 'wasm': {
    const { proof } = await provers[step]().prove({ zkey: path, witness: await readFile(at('wtns')) });
    await writeFile(at('proof'), proof);
    break;
  }
  case 'verify': {
    const { verifyingKey } = JSON.parse(await readFile(`${path}.json`, 'utf8')) as { readonly verifyingKey: string };
    const signals = (await readFile(at('signals'), 'utf8')).split('\n').map(BigInt);
    const proof = Uint8Array.from(await readFile(at('proof')));
    const options = { verifyingKey: Uint8Array.from(Buffer.from(verifyingKey, 'hex')), signals, proof };
    // The first call reads the key and is compiled as it runs.
    verifyLayer(options);
    const began = process.cpuUsage();
    const verdict = verifyLayer(options);
    process.stdout.write(String(process.cpuUsage(began).user / 1e6));
    if (verdict.verdict !== 'accept') throw new Error(`The proof does not verify: ${verdict.fault}.`);
    break;
  }
}
await endSnarkjs();
