import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { eventsInLogs, programErrorName, verifyLayerProof } from '@karmesh/sdk/program';
import { signalBytes, statementHash, toHex } from '@karmesh/sdk/protocol';
import { bn254 } from '@noble/curves/bn254.js';
import { expect, test } from 'vitest';
import { unsigned, withAccount, withData } from './bent.ts';
import { namedHash, namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import {
  admit,
  contextOf,
  proofOptions,
  type Registry,
  readProven,
  recordOf,
  registryOf,
  type SentProof,
  sendLayer,
  sendProof,
  TOKEN,
} from './proofSteps.ts';
import { refused } from './refused.ts';
import { trapdoorKey } from './trapdoorKey.ts';
import { buildWorld, firstSlot, lamportsOf, MODEL, SOL, startWorld, type World } from './world.ts';

const BASE_ORDER = bn254.fields.Fp.ORDER;
const first = trapdoorKey('first', 2);
const second = trapdoorKey('second', 3);

async function registeredWorld() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const keys = [
    { ...first, contextIndex: 1 },
    { ...second, contextIndex: 2 },
    { ...first, contextIndex: 0 },
  ];
  const registry = await admit(world, registryOf(world, keys));
  for (const operator of keys.keys()) await sendLayer(world, registry, operator);
  return { world, registry };
}

/** A true statement about operator 1 and inputs of any kind. */
function statement(world: World, inputs: readonly [bigint, bigint] = [11n, 12n], salt?: string): SentProof {
  const signals = [...inputs, contextOf(world, 1)];
  return { operator: 1, signals, proof: second.prove(signals, salt) };
}

test('P-25: records what was proven, in an account with room for every operator', async () => {
  const { world, registry } = await registeredWorld();
  const before = await lamportsOf(world, world.operator.publicKey);
  const sent = statement(world);
  const { logs } = await sendProof(world, registry, sent);
  const hash = statementHash(1, sent.signals);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'LayerProven', data: { ...recordOf(world, registry), operator: 1, statement: hash } },
  ]);
  const record = {
    ...recordOf(world, registry),
    address: world.addresses.proven(recordOf(world, registry)),
    recordedEpoch: 0n,
    provenCount: 1,
    bump: expect.any(Number),
    statements: [undefined, hash, undefined],
  };
  expect(await readProven(world, registry)).toEqual(record);
  const rent = await world.ledger.rent(136 + 3 * 32);
  expect(before - (await lamportsOf(world, world.operator.publicKey))).toBe(rent + 5_000n);

  await world.ledger.untilSlot(await firstSlot(world, 2n));
  const signals = [21n, contextOf(world, 0)];
  await sendProof(world, registry, { operator: 0, signals, proof: first.prove(signals) });
  const statements = [statementHash(0, signals), hash, undefined];
  expect(await readProven(world, registry)).toEqual({ ...record, recordedEpoch: 2n, provenCount: 2, statements });
});

test('P-25, Z-24: another proof of what is recorded holds and changes nothing', async () => {
  const { world, registry } = await registeredWorld();
  await sendProof(world, registry, statement(world));
  const before = await readProven(world, registry);
  await world.ledger.untilSlot(await firstSlot(world, 2n));
  const { logs } = await sendProof(world, registry, statement(world, [11n, 12n], 'again'));
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([]);
  expect(await readProven(world, registry)).toEqual(before);
  // What is recorded does not make a false proof of it pass.
  const false_ = { ...statement(world), proof: second.prove([11n, 12n, 13n]) };
  await refused(sendProof(world, registry, false_), 'BadProof');
});

test('P-25: what is recorded stays; a true statement about other inputs is refused', async () => {
  const { world, registry } = await registeredWorld();
  await sendProof(world, registry, statement(world));
  const before = await readProven(world, registry);
  await refused(sendProof(world, registry, statement(world, [11n, 13n])), 'OtherStatement');
  expect(await readProven(world, registry)).toEqual(before);
});

test('P-25: a stranger’s true statement about other inputs keeps nobody from recording', async () => {
  const { world, registry } = await registeredWorld();
  const stranger = namedKey('stranger');
  await world.ledger.fund(stranger.publicKey, SOL);
  const strange = { ...statement(world, [1n, 2n]), payer: stranger };
  await sendProof(world, registry, strange);
  const sent = statement(world);
  await sendProof(world, registry, sent);
  expect((await readProven(world, registry)).statements[1]).toEqual(statementHash(1, sent.signals));
  expect((await readProven(world, registry, stranger)).statements[1]).toEqual(statementHash(1, strange.signals));
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('Z-23: a key of %i signals, each of which counts', async (count) => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const key = trapdoorKey(`${count} signals`, count);
  const registry = await admit(world, registryOf(world, [{ ...key, contextIndex: count - 1 }]));
  await sendLayer(world, registry, 0);
  const signals = [...Array.from({ length: count - 1 }, (_, i) => 2n ** 250n + BigInt(i)), contextOf(world, 0)];
  const proof = key.prove(signals);
  for (let i = 0; i < count - 1; i++) {
    const other = signals.map((signal, j) => (i === j ? signal + 1n : signal));
    await refused(sendProof(world, registry, { operator: 0, signals: other, proof }), 'BadProof');
  }
  await sendProof(world, registry, { operator: 0, signals, proof });
  expect((await readProven(world, registry)).statements).toEqual([statementHash(0, signals)]);
});

test('P-25: of 256 operators the last', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const keys = Array.from({ length: 256 }, () => ({ ...first, contextIndex: 1 }));
  const registry = await admit(world, registryOf(world, keys));
  await sendLayer(world, registry, 255);
  const signals = [7n, contextOf(world, 255)];
  await sendProof(world, registry, { operator: 255, signals, proof: first.prove(signals) });
  const { statements } = await readProven(world, registry);
  expect(statements).toEqual([...Array.from({ length: 255 }), statementHash(255, signals)]);
});

test('Z-41: refuses the context of another epoch, answer, position, operator or market', async () => {
  const { world, registry } = await registeredWorld();
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  const contexts = [
    contextOf(world, 1, { ...TOKEN, epoch: 1n }),
    contextOf(world, 1, { ...TOKEN, entryHash: namedHash('another entry') }),
    contextOf(world, 1, { ...TOKEN, position: 6 }),
    contextOf(world, 0),
    contextOf({ ...world, domain: namedHash('another market') }, 1),
  ];
  for (const context of contexts) {
    const signals = [11n, 12n, context];
    const sent = { operator: 1, signals, proof: second.prove(signals) };
    await refused(sendProof(world, registry, sent), 'WrongContext');
  }
  // The key says which signal it is: operator 2's is the first.
  const [here, there] = [contextOf(world, 2), 5n];
  const crossed = [there, here];
  await refused(
    sendProof(world, registry, { operator: 2, signals: crossed, proof: first.prove(crossed) }),
    'WrongContext',
  );
  const signals = [here, there];
  await sendProof(world, registry, { operator: 2, signals, proof: first.prove(signals) });
});

test('P-25: refuses an epoch that has not begun', async () => {
  const { world, registry } = await registeredWorld();
  const later = { ...TOKEN, epoch: 1n };
  const signals = [11n, 12n, contextOf(world, 1, later)];
  const options = {
    ...proofOptions(world, registry, { operator: 1, signals, proof: second.prove(signals) }),
    ...later,
  };
  const instruction = verifyLayerProof(world.addresses, options);
  await refused(world.ledger.send([instruction], [world.operator]), 'TooEarly');
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  await world.ledger.send([instruction], [world.operator]);
});

test('P-25: refuses other accounts and no signature', async () => {
  const { world, registry } = await registeredWorld();
  const { ledger, addresses, operator } = world;
  const instruction = verifyLayerProof(addresses, proofOptions(world, registry, statement(world)));
  const others = await admit(
    world,
    registryOf(world, [
      { ...first, contextIndex: 0 },
      { ...second, contextIndex: 2 },
    ]),
  );
  await sendLayer(world, others, 1);
  const stranger = namedKey('stranger');
  await ledger.fund(stranger.publicKey, SOL);
  const send = (position: number, address: Uint8Array, signer = operator) =>
    ledger.send([withAccount(instruction, position, address)], [signer]);
  await refused(send(0, stranger.publicKey, stranger), 'BadPda');
  await refused(send(1, addresses.vault), 'BadOwner');
  await refused(send(2, addresses.config), 'BadOwner');
  await refused(send(2, others.address), 'BadPda');
  await refused(send(3, addresses.layer(registry.address, 0)), 'BadPda');
  await refused(send(3, addresses.layer(others.address, 1)), 'BadPda');
  await refused(send(3, registry.address), 'BadOwner');
  const elsewhere = recordOf(world, registry, stranger);
  await refused(send(4, addresses.proven(elsewhere)), 'BadPda');
  await sendProof(world, registry, { ...statement(world), payer: stranger });
  await refused(send(4, addresses.proven(elsewhere)), 'BadPda');
  await refused(send(4, addresses.vault), 'BadOwner');
  await refused(
    ledger.send([unsigned(withAccount(instruction, 0, stranger.publicKey), 0)], [operator]),
    'WrongIdentity',
  );
});

test('Z-22: a point at infinity is zeros, and a coordinate below its field’s order', async () => {
  const { world, registry } = await registeredWorld();
  const signals = [11n, 12n, contextOf(world, 1)];
  const proof = second.proveWithoutC(signals);
  const [x, y] = [192, 224];
  for (const [at, value] of [
    // The system calls take these two bits of y for marks.
    [y, 1n << 254n],
    [y, 1n << 255n],
    [y, BASE_ORDER],
    [x, BASE_ORDER],
  ] as const) {
    const marked = Uint8Array.from(proof);
    marked.set(signalBytes(value), at);
    await refused(sendProof(world, registry, { operator: 1, signals, proof: marked }), 'BadPoint');
  }
  await sendProof(world, registry, { operator: 1, signals, proof });
});

interface Case {
  readonly name: string;
  readonly key: string;
  readonly signals: readonly string[];
  readonly proof: string;
  readonly verdict: 'accept' | { readonly rule: string; readonly fault: string };
}
interface Vectors {
  readonly place: Readonly<Record<string, string | number>>;
  readonly cases: readonly Case[];
}

const { chain } = JSON.parse(await readFile(new URL('../vectors/proofs.json', import.meta.url), 'utf8')) as {
  readonly chain: Vectors;
};
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** What the program says to a verifier's fault. */
const SAID: Readonly<Record<string, string>> = {
  'signal count': 'BadSignals',
  'signal range': 'SignalRange',
  'proof length': 'invalid instruction data',
  'point A': 'BadPoint',
  'point B': 'BadPoint',
  'point C': 'BadPoint',
  equation: 'BadProof',
  key: 'BadKey',
};

/** Where it is stricter, or refuses for something that other verifiers leave to who calls them. */
const SAID_OF_CASE: Readonly<Record<string, string>> = {
  // It computes the context itself.
  'another context': 'WrongContext',
  // A compressed point has no y of its own: this one's x gives another point, and the key another keyId.
  'a key with a point off its curve': 'BadPath',
  // A transaction has points, not bytes.
  'a key that ends early': 'BAD_ARGUMENT',
};

/** Sends a proof of whatever length. */
function sendBytes(world: World, registry: Registry, { proof, ...sent }: SentProof) {
  const options = proofOptions(world, registry, { ...sent, proof: new Uint8Array(256) });
  const instruction = verifyLayerProof(world.addresses, options);
  const data = Buffer.concat([instruction.data.subarray(0, -256), proof]);
  return world.ledger.send([withData(instruction, data)], [world.operator]);
}

function nameOf(error: unknown): string {
  if (!(error instanceof KarmeshError)) throw error;
  const { lastLog } = error.facts;
  const isCut = typeof lastLog === 'string' && lastLog.includes(SAID['proof length'] ?? '');
  return programErrorName(error) ?? (isCut ? (SAID['proof length'] ?? '') : error.code);
}

/** How registering the case's key and sending its proof ends. */
async function judge(world: World, { key, signals, proof }: Case): Promise<string> {
  const verifyingKey = bytes(key);
  const keyId = new Uint8Array(createHash('sha256').update(verifyingKey).digest());
  const contextIndex = Math.min(2, Math.floor((verifyingKey.length - 512) / 64) - 1);
  const registry = registryOf(world, [
    { ...first, contextIndex: 0 },
    { keyId, verifyingKey, contextIndex },
  ]);
  try {
    await admit(world, registry);
    await sendLayer(world, registry, 1);
    await sendBytes(world, registry, { operator: 1, signals: signals.map(BigInt), proof: bytes(proof) });
    return 'accept';
  } catch (error) {
    return nameOf(error);
  }
}

test.each(chain.cases)('Z-20 to Z-23: $name', async (each) => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  expect(chain.place).toEqual({
    domain: toHex(world.domain),
    epoch: String(TOKEN.epoch),
    entryHash: toHex(TOKEN.entryHash),
    modelId: toHex(MODEL),
    position: TOKEN.position,
    operator: 1,
  });
  const { name, verdict } = each;
  const said = verdict === 'accept' ? 'accept' : (SAID_OF_CASE[name] ?? SAID[verdict.fault]);
  expect(await judge(world, each)).toBe(said);
});
