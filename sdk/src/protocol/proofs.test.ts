import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { challengedPosition, layerKeyLeaf, layerKeyTree, proofContext, statementHash } from './proofs.ts';

interface Vectors {
  readonly domain: { readonly domain: string };
  readonly layerKeyLeaf: Row & { readonly operator: number; readonly contextIndex: number };
  readonly proofContext: Row & { readonly position: number; readonly operator: number };
  readonly challengedPosition: Row & { readonly positions: number; readonly position: number };
  readonly statementHash: { readonly operator: number; readonly signals: readonly string[]; readonly hash: string };
}
type Row = Readonly<Record<string, string | number>>;
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/hashes.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain.domain);
const bytes = (row: Row, name: string): Uint8Array => fromHex(String(row[name]));

test('Z-40: the leaf of an operator’s key, which alone is its own root', () => {
  const row = vectors.layerKeyLeaf;
  const [modelId, keyId] = [bytes(row, 'modelId'), bytes(row, 'keyId')];
  const leaf = layerKeyLeaf(domain, { modelId, operator: row.operator, contextIndex: row.contextIndex, keyId });
  expect({ hash: toHex(leaf.hash), sums: leaf.sums }).toEqual({ hash: row.hash, sums: row.sums });

  const first = { keyId, contextIndex: row.contextIndex };
  const tree = layerKeyTree(domain, { modelId, keys: [first] });
  expect(tree.root).toEqual(layerKeyLeaf(domain, { ...first, modelId, operator: 0 }));
});

test('Z-41: the context of a proof is below the field’s order', () => {
  const { position, operator, ...row } = vectors.proofContext;
  const [entryHash, modelId] = [bytes(row, 'entryHash'), bytes(row, 'modelId')];
  const context = proofContext(domain, { epoch: BigInt(row.epoch ?? ''), entryHash, modelId, position, operator });
  expect(context.toString(16).padStart(64, '0')).toBe(row.context);
  expect(context >> 253n).toBe(0n);
});

test('Z-42: the challenged position', () => {
  const { positions, position, ...row } = vectors.challengedPosition;
  const draw = { beacon: bytes(row, 'beacon'), entryHash: bytes(row, 'entryHash'), positions };
  expect(challengedPosition(draw)).toBe(position);
});

test('Z-43: the hash of a statement', () => {
  const { operator, signals, hash } = vectors.statementHash;
  expect(
    toHex(
      statementHash(
        operator,
        signals.map((signal) => BigInt(`0x${signal}`)),
      ),
    ),
  ).toBe(hash);
});
