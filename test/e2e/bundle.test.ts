import { expect, test } from 'vitest';
import { flipPasses, passes, passingBytes } from './bundle.ts';
import { flipsOf } from './flips.ts';
import { recordedBundle } from './recordedBundle.ts';

const { file, bundle, chain } = recordedBundle();

test('B-02 to B-08: the recorded bundle of a real market holds', () => {
  expect(passes(file, chain)).toBe(true);
});

test('the recorded bundle has something in every list but the refusals, so that a flip of each is tried', () => {
  const { seals, receipts, timeouts } = bundle.entry.evidence;
  const lists = [seals, receipts, timeouts, bundle.report?.credits, bundle.set?.groupPath, bundle.tokens];
  expect(lists.map((list) => (list?.length ?? 0) > 0)).toEqual([true, true, true, true, false, true]);
  expect(receipts.length).toBeGreaterThan(bundle.report?.credits.length ?? 0);
});

test('B-01 to B-08: no bundle with one field flipped passes', { timeout: 120_000 }, () => {
  let tried = 0;
  const passed: string[] = [];
  for (const flip of flipsOf(bundle)) {
    const outcome = flipPasses(flip, { file, chain });
    if (outcome !== undefined) tried++;
    if (outcome === true) passed.push(flip.name);
  }
  expect(passed).toEqual([]);
  expect(tried).toBeGreaterThan(500);
});

test('B-01 to B-08: no bundle with one bit flipped passes (every 7th byte)', { timeout: 120_000 }, () => {
  expect(passingBytes(file, chain, 7)).toEqual([]);
});

test('B-01: neither upper-case hexadecimal nor a part or field too many or too few passes', () => {
  const { entry = '' } = file.parts;
  const bent: readonly unknown[] = [
    { ...file, parts: { ...file.parts, entry: entry.toUpperCase() } },
    { ...file, parts: { ...file.parts, entry: `${entry}00` } },
    { ...file, parts: { ...file.parts, entry: entry.slice(2) } },
    { ...file, parts: { ...file.parts, more: '00' } },
    { ...file, more: 1 },
    { ...file, format: 'karmesh-bundle-2' },
    { format: file.format },
    [file],
    null,
  ];
  expect(bent.map((one) => passes(one, chain))).toEqual(bent.map(() => false));
});

test('B-06, B-07: what is not attested, or not final, does not hold though nothing is false', () => {
  expect(passes(file, { ...chain, epoch: () => undefined })).toBe(false);
  const open = (epoch: bigint) => {
    const account = chain.epoch(epoch);
    return account === undefined ? undefined : { ...account, isFinalised: false };
  };
  expect(passes(file, { ...chain, epoch: open })).toBe(false);
});
