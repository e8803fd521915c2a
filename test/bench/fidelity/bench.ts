import {
  FIDELITY_CASES,
  type FidelityCase,
  FULL,
  llamaAim,
  runFidelityCase,
} from '../../exact/fidelity/fidelityCases.ts';
import type { Fidelity } from '../../exact/fidelity/measureFidelity.ts';
import { type BenchReport, type BenchRow, loadNow } from '../report.ts';

/** How near exact arithmetic comes to the function that a model file stands for, and llama.cpp to both. A rival's figures stand beside ours. */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  const rows: BenchRow[] = [];
  for (const fidelityCase of FIDELITY_CASES) {
    talk(`${fidelityCase.name} …`);
    const measured = await runFidelityCase(fidelityCase, FULL);
    rows.push(...rowsOf(fidelityCase, measured));
    for (const { kind, position, margin, llamaError } of measured.misses)
      talk(
        `  other than llama.cpp: ${kind}, position ${position}, ${margin.toFixed(4)} apart in floats, which llama.cpp is ${llamaError.toFixed(4)} off`,
      );
  }
  return { bench: 'fidelity', load: `${before} before, ${loadNow()} after`, rows };
}

function rowsOf({ name, aim }: FidelityCase, measured: Fidelity): readonly BenchRow[] {
  const { exactToFloat, exactToLlama, llamaToFloat, misses, positions, variant } = measured;
  const what = `${name}, ${variant}, ${positions} positions`;
  const row = (part: Pick<BenchRow, 'what' | 'ours' | 'rivalName' | 'rival' | 'unit' | 'aim' | 'met'>): BenchRow => ({
    ...part,
    ratio: Number((part.ours / part.rival).toFixed(3)),
  });
  const percent = (share: number): number => 100 * share;
  const wanted = llamaAim(aim, llamaToFloat.top);
  const unexplained = misses.filter(({ margin }) => margin < 0).length;
  return [
    row({
      what: `${what}: top-1 as in floats`,
      ours: percent(exactToFloat.top),
      rivalName: 'llama.cpp',
      rival: percent(llamaToFloat.top),
      unit: '%',
      aim: `ours >= ${percent(aim.floatTop)} %`,
      met: exactToFloat.top >= aim.floatTop,
    }),
    row({
      what: `${name}: rms error of logits against floats`,
      ours: exactToFloat.rms,
      rivalName: 'llama.cpp',
      rival: llamaToFloat.rms,
      unit: '',
      aim: `ours < ${aim.floatRms}`,
      met: exactToFloat.rms < aim.floatRms,
    }),
    row({
      what: `${name}: largest error of a logit against floats`,
      ours: exactToFloat.worst,
      rivalName: 'llama.cpp',
      rival: llamaToFloat.worst,
      unit: '',
      aim: '-',
      met: true,
    }),
    row({
      what: `${name}: top-1 as in llama.cpp, ${misses.length} misses, ${unexplained} of them not its own error`,
      ours: percent(exactToLlama.top),
      rivalName: 'floats',
      rival: percent(llamaToFloat.top),
      unit: '%',
      aim: `ours >= ${percent(wanted).toFixed(2)} %`,
      met: exactToLlama.top >= wanted && (aim.llamaTop === undefined || unexplained === 0),
    }),
  ];
}
