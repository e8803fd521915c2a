import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beginKey } from '@karmesh/circuits';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { command, type Output, output } from '@karmesh/sdk/runtime';
import { checkProvable } from '../engines/exact/proofs/checkProvable.ts';
import { type KeyLayer, keyLayers } from '../engines/exact/proofs/keyLayers.ts';
import { traceModelOf } from '../engines/exact/trace/traceModel.ts';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { ceremonyModel } from './ceremonyLayer.ts';
import { type CeremonyModelConfig, ceremonyLayersSchema } from './config.ts';
import { pinnedPowersOf } from './pinnedPowersOf.ts';

/** `karmesh ceremony layers [TO]`. Throws `CONFIG_INVALID`, `MODEL_INVALID`, `CEREMONY_REFUSED`. */
export const ceremonyLayersCommand = command({
  program: 'karmesh ceremony layers',
  summary: 'Lists the keys that the operators of a model need, and begins those that are not in the folder yet.',
  section: 'ceremony',
  schema: ceremonyLayersSchema,
  positionals: [
    { name: 'to', description: 'the folder for their beginnings; only listed unless told', optional: true },
  ],
  files: configFiles,
  run: ({ config, positionals: [to] }, { signal }) =>
    withCeremonyFaults(async () => {
      const talk = output({ json: config.json })();
      if (to !== undefined) pinnedPowersOf(config);
      await using source = await ceremonyModel(config, { talk, signal });
      checkProvable(traceModelOf(source.model));
      const layers = await keyLayers(
        source.model,
        { positions: config.positions, folder: config.circuitCache },
        {
          onOperator(operator, operators) {
            signal.throwIfAborted();
            talk.progress(`Constraints of operator ${operator + 1} of ${operators} …`);
          },
        },
      ).finally(() => talk.progress(''));
      if (to !== undefined) await beginAll(layers, { config, to, talk, signal });
      const listed = layers.map(({ operators, title, circuit, constraints, power }) => ({
        operators,
        title,
        circuit,
        constraints,
        power,
        ...(to === undefined ? {} : { path: pathOf(to, operators) }),
      }));
      talk.data(listed, (shown) => lines(shown).join('\n'));
      return 0;
    }),
});

/** What is there already is whole, and goes on where it was. */
async function beginAll(
  layers: readonly KeyLayer[],
  call: {
    readonly config: CeremonyModelConfig;
    readonly to: string;
    readonly talk: Output;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { config, to, talk, signal } = call;
  const powersOfTau = pinnedPowersOf(config);
  await mkdir(to, { recursive: true });
  for (const [i, { operators, title, build }] of layers.entries()) {
    signal.throwIfAborted();
    const path = pathOf(to, operators);
    if (await isThere(path)) continue;
    talk.talk(`Beginning key ${i + 1} of ${layers.length}, ${title} …`);
    const { pieces } = await build();
    await beginKey({ constraints: pieces(), powersOfTau, path });
  }
}

function pathOf(folder: string, [first = 0]: readonly number[]): string {
  return join(folder, `operator-${first}.zkey`);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function lines(layers: readonly Pick<KeyLayer, 'operators' | 'title' | 'constraints' | 'power'>[]): readonly string[] {
  const rows = layers.map(({ operators, title, constraints, power }) => [
    operators.join(', '),
    title,
    String(constraints),
    `2^${power}`,
  ]);
  const table = [['operators', 'layer', 'constraints', 'powers of tau'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const power = Math.max(...layers.map((layer) => layer.power));
  return [
    ...table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')),
    `${layers.length} keys; 2^${power} powers of tau are enough for all.`,
  ];
}
