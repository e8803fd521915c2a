import {
  collectSignatures,
  deployProofs,
  type EpochStatement,
  type EvmValidatorSet,
  evmAddressOf,
  type IndexedSignature,
  type KeysStatement,
  type ProofsClient,
  parseEvmAddress,
  statementSigner,
} from '@karmesh/sdk/evm';
import { type Secp256k1Key, secp256k1KeyFromSecret } from '@karmesh/sdk/runtime';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { outcomeOf } from './outcomeOf.ts';
import { domain, epochStatement, gasLimit, modelId, named, signatures, signed, signers, validators } from './scene.ts';
import { type Anvil, noAnvil, rpc, startAnvil, WITH_ANVIL } from './startAnvil.ts';

describe.skipIf(noAnvil)(WITH_ANVIL, () => {
  const { signal } = new AbortController();
  const options = { signal, gasLimit };
  let anvil: Anvil;
  let client: ProofsClient;
  let snapshot: string;
  const deploy = (
    genesis: { readonly set?: EvmValidatorSet; readonly domain?: Uint8Array; readonly fromEpoch?: bigint } = {},
    on = anvil,
  ) => deployProofs({ domain, fromEpoch: 7n, set: validators, ...genesis }, { runner: on.chain.runner, ...options });
  beforeAll(async () => {
    anvil = await startAnvil();
    client = await deploy();
    snapshot = await rpc(anvil.url, 'evm_snapshot', []);
  });
  afterAll(() => anvil?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await rpc(anvil.url, 'evm_revert', [snapshot]);
    snapshot = await rpc(anvil.url, 'evm_snapshot', []);
  });

  const epoch = epochStatement();
  const advance = (
    given: readonly IndexedSignature[],
    { statement = epoch, on = client }: { readonly statement?: EpochStatement; readonly on?: ProofsClient } = {},
  ): Promise<string> => outcomeOf(on.advance(statement, given, options));

  test('Z-52: what more than two thirds of the stake say of an epoch is kept', async () => {
    expect(await client.receiptSet(7n, options)).toBeUndefined();
    const sent = await client.advance(epoch, signatures(client.contract, epoch, 2), options);
    expect(sent.gasUsed).toBeLessThan(gasLimit);
    expect(await client.receiptSet(7n, options)).toEqual({ receiptSetRoot: epoch.receiptSetRoot, entryCount: 5 });
    expect([await client.nextEpoch(options), await client.validators(options)]).toEqual([8n, validators]);
    expect(await advance(signatures(client.contract, epoch))).toBe('EpochKnown');
  });

  /** The signatures of some signers, whatever they hold. */
  const of = (indexes: readonly number[], on = client, statement: EpochStatement | KeysStatement = epoch) => {
    const all = signatures(on.contract, statement, 4);
    return indexes.flatMap((index) => all[index] ?? []);
  };

  test('Z-51: two thirds are not more than two thirds', async () => {
    const thirds = {
      totalStake: 90n,
      validators: validators.validators.map((each, i) => ({ ...each, stake: [40n, 20n, 20n, 10n][i] ?? 0n })),
    };
    const on = await deploy({ set: thirds });
    const all = signers.map((key, index) => indexed(signed(key, on.contract, epoch), index));
    expect([
      await advance([], { on }),
      await advance(all.slice(0, 1), { on }),
      await advance(all.slice(0, 2), { on }),
      await advance(all.slice(1), { on }),
      await advance(all.slice(0, 3), { on }),
    ]).toEqual(['NoQuorum', 'NoQuorum', 'NoQuorum', 'NoQuorum', 'accepted']);
  });

  test('Z-50: who is active and cannot sign counts against the quorum', async () => {
    const on = await deploy({ set: { ...validators, totalStake: 149n } });
    const all = signers.map((key, index) => indexed(signed(key, on.contract, epoch), index));
    expect([await advance(all.slice(0, 3), { on }), await advance(all, { on })]).toEqual(['NoQuorum', 'accepted']);
  });

  test('Z-51: nobody counts twice, out of order, or for somebody else', async () => {
    const [first, second] = of([0, 1]);
    if (first === undefined || second === undefined) throw new Error('There are no signatures.');
    const stranger = signed(secp256k1KeyFromSecret(new Uint8Array(32).fill(9)), client.contract, epoch);
    expect([
      await advance([first, first]),
      await advance([second, first]),
      await advance([first, { ...first, index: 1 }]),
      await advance([
        { ...first, index: 1 },
        { ...second, index: 2 },
      ]),
      await advance([first, second, { ...second, index: 4 }]),
      await advance([first, second, { ...second, index: 65_535 }]),
      await advance([indexed(stranger, 0), second]),
    ]).toEqual(Array.from({ length: 7 }, () => 'BadSignature'));
  });

  test('Z-51: a signature has one form', async () => {
    const [first, second] = of([0, 1]);
    if (first === undefined || second === undefined) throw new Error('There are no signatures.');
    const order = secp256k1.Point.Fn.ORDER;
    const upper = `0x${(order - BigInt(first.s)).toString(16).padStart(64, '0')}` as const;
    const zero = `0x${'00'.repeat(32)}` as const;
    expect([
      await advance([{ ...first, s: upper, v: first.v === 27 ? 28 : 27 }, second]),
      await advance([{ ...first, v: first.v === 27 ? 28 : 27 }, second]),
      await advance([{ ...first, v: first.v - 27 }, second]),
      await advance([{ ...first, r: zero }, second]),
      await advance([{ ...first, s: zero }, second]),
      await advance([{ ...first, r: zero, s: zero, v: 0 }, second]),
    ]).toEqual(Array.from({ length: 6 }, () => 'BadSignature'));
  });

  test('Z-51: a signature is of one statement', async () => {
    const given = of([0, 1, 2]);
    const changed: readonly Partial<EpochStatement>[] = [
      { epoch: 8n },
      { receiptSetRoot: named('another root') },
      { entryCount: 6 },
      { next: { ...validators, totalStake: 101n } },
      { next: { ...validators, validators: validators.validators.slice(0, 3) } },
      { next: { ...validators, validators: validators.validators.map((each) => ({ ...each, stake: 25n })) } },
    ];
    for (const change of changed)
      expect(await advance(given, { statement: { ...epoch, ...change } })).toBe('BadSignature');
    expect(await advance(given)).toBe('accepted');
  });

  test('Z-51: a statement counts for one contract, cluster and chain', async () => {
    const another = await deploy();
    const cluster = await deploy({ domain: named('another cluster') });
    await using elsewhere = await startAnvil({ chainId: 31_338 });
    const chain = await deploy({}, elsewhere);
    // The same account’s first contract has the same address everywhere.
    expect([chain.contract.address, chain.contract.chainId]).toEqual([client.contract.address, 31_338n]);
    const given = of([0, 1, 2]);
    expect([
      await advance(given, { on: another }),
      await advance(given, { on: cluster }),
      await advance(given, { on: chain }),
    ]).toEqual(['BadSignature', 'BadSignature', 'BadSignature']);
    expect(await advance(of([0, 1, 2], chain), { on: chain })).toBe('accepted');
  });

  const successors: readonly Secp256k1Key[] = [11, 12].map((byte) =>
    secp256k1KeyFromSecret(new Uint8Array(32).fill(byte)),
  );
  const successor = successors.toSorted((a, b) => Buffer.compare(a.address, b.address));
  const after: EvmValidatorSet = {
    totalStake: 10n,
    validators: successor.map(({ address }) => ({ signer: evmAddressOf(address), stake: 5n })),
  };
  const by = (keys: readonly Secp256k1Key[], statement: EpochStatement) =>
    keys.map((key, index) => indexed(signed(key, client.contract, statement), index));

  test('Z-52: validators follow validators, and those before them have no say any more', async () => {
    const handover = { ...epoch, next: after };
    expect(await advance(by(signers, handover), { statement: handover })).toBe('accepted');
    expect(await client.validators(options)).toEqual(after);
    const eighth = { ...epochStatement(8n), next: after };
    expect([
      await advance(by(signers, eighth), { statement: eighth }),
      await advance(by(signers.slice(0, 2), eighth), { statement: eighth }),
      await advance(by(successor.slice(0, 1), eighth), { statement: eighth }),
      await advance(by(successor, eighth), { statement: eighth }),
    ]).toEqual(['BadSignature', 'BadSignature', 'NoQuorum', 'accepted']);
  });

  test('Z-52: a statement about an earlier epoch brings its receipts and no validators', async () => {
    const ninth = epochStatement(9n);
    const late = { ...epochStatement(8n), next: after };
    const before = { ...epochStatement(3n), next: after };
    expect([
      await advance(by(signers, ninth), { statement: ninth }),
      await advance(by(signers, late), { statement: late }),
      await advance(by(signers, before), { statement: before }),
    ]).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await client.receiptSet(8n, options)).toEqual({ receiptSetRoot: late.receiptSetRoot, entryCount: 5 });
    expect([await client.nextEpoch(options), await client.validators(options)]).toEqual([10n, validators]);
  });

  const [one, two, three, four] = validators.validators;
  const list = [one, two, three, four].flatMap((each) => each ?? []);
  const bad: Readonly<Record<string, EvmValidatorSet>> = {
    'nobody at all': { totalStake: 0n, validators: [] },
    'nobody with a stake': { totalStake: 0n, validators: list.map((each) => ({ ...each, stake: 0n })) },
    'nobody who can sign': { totalStake: 100n, validators: [] },
    'signers of two thirds': { totalStake: 150n, validators: list },
    'more stake than all': { totalStake: 99n, validators: list },
    'one who stands twice': { totalStake: 140n, validators: [list[0], ...list].flatMap((each) => each ?? []) },
    'another order': { totalStake: 100n, validators: list.toReversed() },
    'the address 0': {
      totalStake: 110n,
      validators: [{ signer: parseEvmAddress(`0x${'00'.repeat(20)}`), stake: 10n }, ...list],
    },
  };
  test.each(Object.entries(bad))('Z-50: no set has %s', async (_name, set) => {
    expect(await outcomeOf(deploy({ set }))).toBe('BadValidatorSet');
    const statement = { ...epoch, next: set };
    expect(await advance(by(signers, statement), { statement })).toBe('BadValidatorSet');
  });

  test('Z-50: a set has at most 512 validators', async () => {
    const many = (count: number): EpochStatement => ({
      ...epoch,
      next: {
        totalStake: BigInt(count),
        validators: Array.from({ length: count }, (_, i) => ({
          signer: parseEvmAddress(`0x${(i + 1).toString(16).padStart(40, '0')}`),
          stake: 1n,
        })),
      },
    });
    const enough = { signal, gasLimit: 29_000_000n };
    const tooMany = many(513);
    expect(await outcomeOf(client.advance(tooMany, by(signers, tooMany), enough))).toBe('BadValidatorSet');
    const most = many(512);
    expect(await outcomeOf(client.advance(most, by(signers, most), enough))).toBe('accepted');
  });

  test('Z-53: a model’s keys are admitted once, by the same stake', async () => {
    const keys = { kind: 'keys', modelId, keysRoot: named('keys'), keyCount: 46 } as const;
    const admit = (statement: KeysStatement, given: readonly IndexedSignature[]) =>
      outcomeOf(client.admitKeys(statement, given, options));
    const other = { ...keys, keysRoot: named('other keys') };
    const none = { ...keys, keyCount: 0 };
    expect(await client.keys(modelId, options)).toBeUndefined();
    expect([
      await admit(keys, of([0], client, keys)),
      await admit(keys, of([0, 1, 2])),
      await admit(other, of([0, 1, 2], client, keys)),
      await admit(none, of([0, 1, 2], client, none)),
      await admit(keys, of([0, 1, 2], client, keys)),
      await admit(other, of([0, 1, 2], client, other)),
    ]).toEqual(['NoQuorum', 'BadSignature', 'BadSignature', 'BadKeys', 'accepted', 'ModelKnown']);
    expect(await client.keys(modelId, options)).toEqual({ keysRoot: keys.keysRoot, keyCount: 46 });
  });

  test('Z-51: of signatures from anywhere those are collected that count', () => {
    const { contract } = client;
    const stranger = secp256k1KeyFromSecret(new Uint8Array(32).fill(9));
    const [a, b, c] = signers.map((key) => signed(key, contract, epoch));
    if (a === undefined || b === undefined || c === undefined) throw new Error('There are no signatures.');
    const upper = Uint8Array.from(a);
    const order = secp256k1.Point.Fn.ORDER;
    const s = order - BigInt(`0x${Buffer.from(a.subarray(32, 64)).toString('hex')}`);
    upper.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex'), 32);
    upper[64] = a[64] === 27 ? 28 : 27;
    const foreign = [signed(stranger, contract, epoch), upper, a.subarray(1), a.with(64, (a[64] ?? 27) - 27)];
    expect(foreign.map((each) => statementSigner(contract, epoch, each))).toEqual([
      evmAddressOf(stranger.address),
      undefined,
      undefined,
      undefined,
    ]);
    const collect = (given: readonly Uint8Array[]) =>
      collectSignatures({ contract, set: validators, statement: epoch, signatures: given });
    expect(collect([...foreign, c, a, a, b]).map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(() => collect([...foreign, a, a, c])).toThrow(
      expect.objectContaining({
        code: 'NO_QUORUM',
        message: 'Those who signed hold no more than two thirds of the stake.',
        facts: { signedStake: 60n, totalStake: 100n, signers: 2, refused: 5 },
      }),
    );
  });
});

/** A signature of 65 bytes as the contract reads it, by whoever it is. */
function indexed(signature: Uint8Array, index: number): IndexedSignature {
  const at = (from: number) => `0x${Buffer.from(signature.subarray(from, from + 32)).toString('hex')}` as const;
  return { index, v: signature[64] ?? 0, r: at(0), s: at(32) };
}
