import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { benchLayer } from './layer.ts';
import { type Limits, measured, measuredWithin, type Taken } from './measured.ts';

export const EZKL = '23.0.5';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

export type EzklStep = 'model' | 'compile' | 'powers' | 'standIn' | 'setup' | 'witness' | 'prove' | 'verify' | 'sizes';

/** ezkl with a layer of the bench, each step in a process of its own. */
export interface Ezkl {
  step(name: EzklStep): Promise<Taken>;
  stepWithin(name: EzklStep, limits: Limits): ReturnType<typeof measuredWithin>;
}

/** Installs ezkl into .tools, unless it is there, and writes the layer into a folder of its own within `folder`. */
export async function openEzkl(options: {
  readonly folder: string;
  readonly rows: number;
  readonly columns: number;
  readonly talk: (line: string) => void;
}): Promise<Ezkl> {
  const { folder, rows, columns, talk } = options;
  const tools = join(root, '.tools', `ezkl-${EZKL}`);
  const python = join(tools, 'bin', 'python');
  if (!existsSync(python)) {
    talk('Installing ezkl …');
    await promisify(execFile)('python3', ['-m', 'venv', tools]);
    await promisify(execFile)(python, ['-m', 'pip', 'install', '--quiet', `ezkl==${EZKL}`, 'onnx', 'numpy']);
  }
  const work = join(folder, `ezkl-${rows}x${columns}`);
  await mkdir(work);
  const { weights, x } = benchLayer(rows, columns);
  const flat = new Int8Array(rows * columns);
  for (let i = 0; i < rows; i++) flat.set(Int8Array.from(weights.row(i)), i * columns);
  await writeFile(join(work, 'weights'), flat);
  await writeFile(join(work, 'layer.json'), JSON.stringify({ rows, columns, x: Array.from(x) }));
  const command = (name: EzklStep): readonly string[] => [python, join(here, 'ezkl_step.py'), work, name];
  return {
    step: (name) => measured(command(name)),
    stepWithin: (name, limits) => measuredWithin(command(name), limits),
  };
}
