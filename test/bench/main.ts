import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type BenchReport, renderReport } from './report.ts';

// `npm run bench -- NAME [SETTING ...] [--json]`: each bench is a folder here with a `bench.ts` that exports `run`.
const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const [name, ...rest] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  process.stderr.write(`Usage: npm run bench -- NAME [--json]\nBenches: ${names.join(', ')}\n`);
  process.exit(2);
}
const bench = (await import(`./${name}/bench.ts`)) as {
  run(options: { readonly talk: (line: string) => void; readonly settings: readonly string[] }): Promise<BenchReport>;
};
const report = await bench.run({
  talk: (line) => process.stderr.write(`${line}\n`),
  settings: rest.filter((word) => word !== '--json'),
});
process.stdout.write(`${renderReport(report)}\n`);
if (rest.includes('--json')) process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(report.rows.every(({ met }) => met) ? 0 : 1);
