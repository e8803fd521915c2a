import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { challengeFigure } from './figure.ts';
import { ANSWERS, study } from './study.ts';
import { challengeTables } from './tables.ts';

// `node test/detection/challenge/main.ts` writes docs/images/detection-challenge.svg and its part of docs/detection.md, in a minute or two.

const BEGIN = '<!-- challenges: begin (test/detection/challenge/main.ts writes this part) -->';
const END = '<!-- challenges: end -->';
const WORKERS = 1000;

const docs = (path: string): string => fileURLToPath(new URL(`../../../docs/${path}`, import.meta.url));

const curves = study({ workers: WORKERS, answers: Math.max(...ANSWERS) });
const page = await readFile(docs('detection.md'), 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin)
  throw new KarmeshError('BAD_ARGUMENT', 'docs/detection.md has lost the marks of its part about challenges.');
await mkdir(docs('images'), { recursive: true });
await writeFile(docs('images/detection-challenge.svg'), challengeFigure(curves, { workers: WORKERS }));
await writeFile(
  docs('detection.md'),
  `${page.slice(0, begin)}${BEGIN}\n\n${challengeTables(curves)}\n\n${page.slice(end)}`,
);
