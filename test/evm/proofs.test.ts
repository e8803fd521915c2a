import { createHash } from 'node:crypto';
import { deployLayerVerifier, type ProofClaim } from '@karmesh/sdk/evm';
import { layerKeyTree, proofContext, statementHash } from '@karmesh/sdk/protocol';
import { bn254 } from '@noble/curves/bn254.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, readG1, readG2, writeG1, writeG2 } from '../../circuits/src/verify/points.ts';
import { outcomeOf } from './outcomeOf.ts';
import { openProvenLayers, type ProvenLayers } from './provenLayers.ts';
import {
  domain,
  EPOCH,
  entries,
  gasLimit,
  modelId,
  modelKeys,
  named,
  openScene,
  receiptSet,
  type Scene,
  signatures,
} from './scene.ts';
import { type Anvil, noAnvil, rpc, startAnvil, WITH_ANVIL } from './startAnvil.ts';

describe.skipIf(noAnvil)(WITH_ANVIL, () => {
  const { signal } = new AbortController();
  const options = { signal, gasLimit };
  let anvil: Anvil;
  let layers: ProvenLayers;
  let scene: Scene;
  let claim: ProofClaim;
  let snapshot: string;
  beforeAll(async () => {
    [anvil, layers] = await Promise.all([startAnvil(), openProvenLayers()]);
    scene = await openScene(anvil, layers);
    claim = await scene.claim();
    snapshot = await rpc(anvil.url, 'evm_snapshot', []);
  });
  afterAll(async () => {
    await anvil?.[Symbol.asyncDispose]();
    await layers?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await rpc(anvil.url, 'evm_revert', [snapshot]);
    snapshot = await rpc(anvil.url, 'evm_snapshot', []);
  });

  const proving = (changed: Partial<ProofClaim>): Promise<string> =>
    outcomeOf(scene.client.prove({ ...claim, ...changed }, options));

  test('Z-55 to Z-58: a proof about a receipt is kept as its statement, with the time of its block', async () => {
    expect(await scene.client.provenAt(claim, options)).toBeUndefined();
    const { transactionHash } = await scene.client.prove(claim, options);
    const { blockNumber, logs } = await rpc<{ blockNumber: string; logs: { topics: string[] }[] }>(
      anvil.url,
      'eth_getTransactionReceipt',
      [transactionHash],
    );
    const { timestamp } = await rpc<{ timestamp: string }>(anvil.url, 'eth_getBlockByNumber', [blockNumber, false]);
    expect(await scene.client.provenAt(claim, options)).toBe(BigInt(timestamp));
    const statement = `0x${Buffer.from(statementHash(0, claim.signals)).toString('hex')}`;
    const entryHash = `0x${Buffer.from(claim.place.entryHash).toString('hex')}`;
    expect(logs.map(({ topics }) => topics.slice(1))).toEqual([[entryHash, statement]]);
  });

  test('Z-24: a proof that was made over is accepted and changes nothing', async () => {
    await scene.client.prove(claim, options);
    const before = await scene.client.provenAt(claim, options);
    await rpc(anvil.url, 'evm_increaseTime', [1_000]);
    const again = { ...claim, proof: madeOver(claim.proof) };
    expect(again.proof).not.toEqual(claim.proof);
    const { transactionHash } = await scene.client.prove(again, options);
    const { logs } = await rpc<{ logs: unknown[] }>(anvil.url, 'eth_getTransactionReceipt', [transactionHash]);
    expect([logs, await scene.client.provenAt(claim, options)]).toEqual([[], before]);
  });

  test('Z-58: a second statement about the same place stands beside the first: nobody takes a place by being there first', async () => {
    const other = await scene.claim({ first: 6 });
    expect(other.place).toEqual(claim.place);
    await scene.client.prove(other, options);
    expect(await scene.client.provenAt(claim, options)).toBeUndefined();
    expect(await proving({})).toBe('accepted');
    expect(await scene.client.provenAt(claim, options)).toBeTypeOf('bigint');
  });

  test('what the node estimates is enough, since a check that fails reverts', async () => {
    expect(await outcomeOf(scene.client.prove(claim, { signal }))).toBe('accepted');
    expect(await scene.client.provenAt(claim, options)).toBeTypeOf('bigint');
  });

  test('too little gas keeps nothing', async () => {
    await expect(scene.client.prove(claim, { signal, gasLimit: 200_000n })).rejects.toMatchObject({
      name: 'KarmeshError',
    });
    expect(await scene.client.provenAt(claim, options)).toBeUndefined();
  });

  test('Z-55: a set that validators have not stated is unknown', async () => {
    const place = { ...claim.place, epoch: EPOCH + 1n };
    const proven = await layers.prove({ layer: 0, context: proofContext(domain, place) });
    expect(await proving({ place, ...proven })).toBe('EpochUnknown');
  });

  test('Z-55: an entry that stands elsewhere, or nowhere', async () => {
    const { path, price } = claim.entry;
    const place = { ...claim.place, entryHash: named('no entry') };
    const proven = await layers.prove({ layer: 0, context: proofContext(domain, place) });
    expect(
      await Promise.all([
        proving({ place, ...proven }),
        proving({ entry: { ...claim.entry, index: 3 } }),
        proving({ entry: { ...claim.entry, index: 5 } }),
        proving({ entry: { ...claim.entry, index: 2 + 8 } }),
        proving({ entry: { ...claim.entry, path: path.slice(1) } }),
        proving({ entry: { ...claim.entry, path: [...path, ...path.slice(0, 1)] } }),
        proving({
          entry: { ...claim.entry, path: path.map((node, i) => (i === 1 ? { ...node, hash: named('other') } : node)) },
        }),
        proving({ entry: { ...claim.entry, path: path.map((node, i) => (i === 1 ? { ...node, sums: [1n] } : node)) } }),
        proving({ entry: { ...claim.entry, price: price + 1n } }),
        proving({ entry: { ...claim.entry, price: (1n << 64n) - 1n } }),
      ]),
    ).toEqual(Array.from({ length: 10 }, () => 'WrongEntry'));
  });

  test('T-02: no sum of a path leaves 64 bits', async () => {
    const [neighbour, ...above] = claim.entry.path;
    if (neighbour === undefined) throw new Error('The entry has no neighbour.');
    const sum = claim.entry.price + (neighbour.sums[0] ?? 0n);
    // Cut to 64 bits this would come to the same.
    const path = [{ ...neighbour, sums: [(1n << 64n) - 1n] }, ...above];
    expect(await proving({ entry: { ...claim.entry, price: sum + 1n, path } })).toBe('WrongEntry');
  });

  test('Z-55: a path says no more of a price than of it and its neighbour’s together', async () => {
    const [neighbour, ...above] = claim.entry.path;
    if (neighbour === undefined) throw new Error('The entry has no neighbour.');
    const path = [{ ...neighbour, sums: [(neighbour.sums[0] ?? 0n) - 1n] }, ...above];
    expect(await proving({ entry: { ...claim.entry, price: claim.entry.price + 1n, path } })).toBe('accepted');
  });

  test('Z-55: an entry alone in its set', async () => {
    const alone = entries.slice(0, 1);
    const { root } = receiptSet(8n, alone);
    const statement = {
      kind: 'epoch',
      epoch: 8n,
      receiptSetRoot: root.hash,
      entryCount: 1,
      next: await scene.client.validators(options),
    } as const;
    await scene.client.advance(statement, signatures(scene.client.contract, statement), options);
    const place = { ...claim.place, epoch: 8n, entryHash: alone[0]?.entryHash ?? new Uint8Array(32) };
    const proven = await layers.prove({ layer: 0, context: proofContext(domain, place) });
    expect(await proving({ place, entry: { price: 3n, index: 0, path: [] }, ...proven })).toBe('accepted');
  });

  test('Z-56: a layer that nobody registered', async () => {
    const at = async (changed: { readonly operator?: number; readonly modelId?: Uint8Array }) => {
      const place = { ...claim.place, ...changed };
      return proving({ place, ...(await layers.prove({ layer: 0, context: proofContext(domain, place) })) });
    };
    expect([await at({ operator: 2 }), await at({ modelId: named('other model') })]).toEqual([
      'LayerUnknown',
      'LayerUnknown',
    ]);
  });

  test('Z-57: a proof is for one epoch, entry, position and operator of one model in one cluster', async () => {
    const other = entries[3];
    if (other === undefined) throw new Error('There is no such entry.');
    const elsewhere = proofContext(named('another cluster'), claim.place);
    expect(
      await Promise.all([
        proving({ place: { ...claim.place, position: 5 } }),
        proving({ place: { ...claim.place, operator: 1 } }),
        proving({
          place: { ...claim.place, entryHash: other.entryHash },
          entry: { price: other.price, index: 3, path: receiptSet(EPOCH).path(3) },
        }),
        proving(await layers.prove({ layer: 0, context: elsewhere })),
        proving({ signals: [] }),
        proving({ signals: claim.signals.slice(0, 2) }),
      ]),
    ).toEqual(Array.from({ length: 6 }, () => 'WrongContext'));
  });

  test('Z-57: the key is that of the operator', async () => {
    const place = { ...claim.place, operator: 1 };
    const proven = await layers.prove({ layer: 0, context: proofContext(domain, place) });
    expect(await proving({ place, ...proven })).toBe('Equation');
    expect(await proving({ place, ...(await layers.prove({ layer: 1, context: proofContext(domain, place) })) })).toBe(
      'accepted',
    );
  });

  test('Z-21: no signal is another one’s residue, or left out', async () => {
    const [x = 0n, y = 0n, context = 0n] = claim.signals;
    const order = bn254.fields.Fr.ORDER;
    expect([
      await proving({ signals: [x + order, y, context] }),
      await proving({ signals: [x, y, context + order] }),
      await proving({ signals: [x, y + 1n, context] }),
      await proving({ signals: [x, y, context, 0n] }),
    ]).toEqual(['SignalRange', 'WrongContext', 'Equation', 'SignalCount']);
  });

  test('Z-54: a layer is registered by its place under keysRoot, once', async () => {
    const model = modelKeys(layers);
    const good = model.layer(2);
    const register = (changed: Partial<typeof good>): Promise<string> =>
      outcomeOf(scene.client.registerLayer({ ...good, ...changed }, options));
    const grown = Uint8Array.from([...good.verifyingKey, ...good.verifyingKey.subarray(-64)]);
    expect([
      await register({ operator: 0 }),
      await register({ operator: 3 }),
      await register({ contextIndex: 1 }),
      await register({ verifyingKey: layers.keys[1]?.verifyingKey ?? new Uint8Array(0) }),
      await register({ verifyingKey: grown }),
      await register({ path: good.path.slice(1) }),
      await register({ path: [...good.path].reverse() }),
      await register({ modelId: named('other model') }),
    ]).toEqual(['LayerKnown', ...Array.from({ length: 6 }, () => 'WrongKey'), 'ModelUnknown']);
    expect(await scene.client.layer(good, options)).toBeUndefined();
    expect(await register({})).toBe('accepted');
    expect(await scene.client.layer(good, options)).toEqual({
      key: expect.stringMatching(/^0x[0-9a-f]{40}$/),
      contextIndex: 2,
    });
    expect(await register({})).toBe('LayerKnown');
  });

  test('Z-54: not even validators bring a key that Z-20 refuses, or one without the signal that is the context', async () => {
    const other = named('a model of bad keys');
    const key = layers.keys[0]?.verifyingKey ?? new Uint8Array(0);
    const forged = Uint8Array.from(key);
    forged.copyWithin(320, 192, 320);
    const bad = [
      { verifyingKey: forged, contextIndex: 2 },
      { verifyingKey: key, contextIndex: 3 },
    ];
    const tree = layerKeyTree(domain, {
      modelId: other,
      keys: bad.map(({ verifyingKey, contextIndex }) => ({
        keyId: createHash('sha256').update(verifyingKey).digest(),
        contextIndex,
      })),
    });
    const statement = { kind: 'keys', modelId: other, keysRoot: tree.root.hash, keyCount: 2 } as const;
    await scene.client.admitKeys(statement, signatures(scene.client.contract, statement), options);
    const register = (operator: number): Promise<string> =>
      outcomeOf(
        scene.client.registerLayer(
          {
            modelId: other,
            operator,
            ...(bad[operator] ?? { verifyingKey: key, contextIndex: 2 }),
            path: tree.path(operator),
          },
          options,
        ),
      );
    expect([await register(0), await register(1)]).toEqual(['KeyInvalid', 'WrongKey']);
  });

  test('Z-20: a key with a point outside of its group, or without gamma or delta', async () => {
    const key = layers.keys[0]?.verifyingKey ?? new Uint8Array(0);
    const { runner } = anvil.chain;
    const deploy = (at: number, point: Uint8Array): Promise<string> => {
      const changed = Uint8Array.from(key);
      changed.set(point, at);
      return outcomeOf(deployLayerVerifier(changed, { runner, ...options }));
    };
    const nothing = new Uint8Array(128);
    expect([
      await deploy(64, outside()),
      await deploy(192, outside()),
      await deploy(320, outside()),
      await deploy(192, nothing),
      await deploy(320, nothing),
      await deploy(key.length - 64, bytesOf([1n, 1n])),
    ]).toEqual(Array.from({ length: 6 }, () => 'KeyInvalid'));
  });

  test('a key cannot be run: calling where it lies does nothing', async () => {
    const layer = await scene.client.layer({ modelId, operator: 0 }, options);
    const code = await rpc<string>(anvil.url, 'eth_getCode', [layer?.key, 'latest']);
    expect(code).toBe(`0x00${Buffer.from(layers.keys[0]?.verifyingKey ?? []).toString('hex')}`);
  });
});

/** (k A, B / k, C) proves what (A, B, C) does. */
function madeOver(proof: Uint8Array): Uint8Array {
  const k = 123_456_789n;
  const [a, b] = [readG1(proof.subarray(0, 64)), readG2(proof.subarray(64, 192))];
  if (a === undefined || b === undefined) throw new Error('The proof has no points.');
  const inverse = bn254.fields.Fr.inv(k);
  return Uint8Array.from([...writeG1(a.multiply(k)), ...writeG2(b.multiply(inverse)), ...proof.subarray(192)]);
}

/** A point of the twist that is not in the group of the order that pairings need. */
function outside(): Uint8Array {
  const { Fp2 } = bn254.fields;
  const curve = bn254.G2.Point.CURVE();
  for (let i = 1n; ; i++) {
    const x = Fp2.create({ c0: i, c1: 1n });
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), curve.b));
      return bytesOf([x.c1, x.c0, y.c1, y.c0]);
    } catch {
      // No root: the next one.
    }
  }
}
