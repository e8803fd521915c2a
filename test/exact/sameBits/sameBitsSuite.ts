import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../../browser/openPage.ts';
import { missingPython } from '../spawnReference.ts';
import type { NodePlace } from './main.ts';
import { findNode22 } from './node22.ts';
import { type BitModel, convertBundled, type FoundBits, inProcesses, inPython, onNode, openBitPage } from './places.ts';
import type { BitCounts } from './sameBits.ts';

export interface SameBitsOptions {
  /** `wide` instead of what the bundled model is converted to. */
  readonly variant?: 'wide';
  readonly counts: BitCounts;
  /** SHA-256 over all tokens and trace roots, `sameBits`. */
  readonly digest: string;
  /** What Python has time for. */
  readonly sample: BitCounts;
}

const node22 = await findNode22();
const noNode22 = 'missing' in node22 ? node22.missing : undefined;
const noPython = await missingPython();
const noChromium = CHROMIUM === undefined ? 'no Chromium is installed here' : undefined;
const titled = (title: string, missing: string | undefined): string =>
  missing === undefined ? title : `${title} (skipped: ${missing})`;

/** One hash over the tokens and trace roots of the same requests, wherever they run: the claim of docs/exact-arithmetic.md. */
export function sameBitsSuite({ variant, counts, digest, sample }: SameBitsOptions): void {
  let model: BitModel;
  let wanted: FoundBits;
  const onThis = (options: Partial<NodePlace> = {}, program: string = process.execPath): Promise<FoundBits> =>
    onNode(program, {
      modelPath: model.file.path,
      counts,
      threads: 1,
      kernels: 'simd',
      sequences: 4,
      ...options,
    });

  describe(`${counts.prompts} prompts, ${counts.tokens} tokens each, ${variant ?? 'narrow'}`, () => {
    beforeAll(async () => {
      model = await convertBundled(variant);
      wanted = await onThis();
    }, 600_000);
    afterAll(() => model[Symbol.asyncDispose]());

    test('on this Node: all tokens are there, no two traces are the same, and the hash is the one that it was', () => {
      const { prompts, tokens } = counts;
      expect(wanted.answers.map(({ outputTokens }) => outputTokens.length)).toEqual(Array(prompts).fill(tokens));
      expect(new Set(wanted.answers.map(({ traceRoot }) => traceRoot)).size).toBe(prompts);
      expect(wanted).toMatchObject({ node: process.versions.node, kernels: 'simd', digest });
    });

    test('with two threads', async () => {
      expect(await onThis({ threads: 2 })).toEqual({ ...wanted, kernels: 'threads' });
    });

    test('without vectors, one request at a time', async () => {
      expect(await onThis({ kernels: 'plain', sequences: 1 })).toEqual({ ...wanted, kernels: 'plain' });
    });

    test.skipIf(noNode22 !== undefined)(titled('on Node 22', noNode22), async () => {
      const path = 'path' in node22 ? node22.path : '';
      const found = await onThis({}, path);
      expect(found.node).toMatch(/^22\./);
      expect(found).toEqual({ ...wanted, node: found.node });
      expect(await onThis({ threads: 2 }, path)).toEqual({ ...found, kernels: 'threads' });
    });

    test.each([[[2]], [[1, 3]], [[1, 2, 3]]])('X-60: cut before layers %j, each part in a process', async (cuts) => {
      expect((await inProcesses(model, { counts, cuts })).digest).toBe(digest);
    });

    const pages = [
      { name: 'in Chromium', isIsolated: false, withoutVectors: false, threads: 2, kernels: 'simd' },
      { name: 'in Chromium with two threads', isIsolated: true, withoutVectors: false, threads: 2, kernels: 'threads' },
      { name: 'in Chromium without vectors', isIsolated: true, withoutVectors: true, threads: 2, kernels: 'plain' },
    ];
    for (const { name, kernels, threads, ...options } of pages)
      test.skipIf(noChromium !== undefined)(titled(name, noChromium), async () => {
        await using page = await openBitPage(model, options);
        const { node: _, ...bits } = wanted;
        expect(await page.run({ counts, threads, sequences: 3 })).toEqual({ ...bits, kernels });
      });

    test.skipIf(noPython !== undefined)(titled('in Python, a sample', noPython), async () => {
      const { answers } = await onThis({ counts: sample });
      expect(await inPython(model, { counts: sample })).toEqual(answers);
    });
  });
}
