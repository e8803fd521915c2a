import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Checkpoint,
  checkCosignature,
  consistencyPlan,
  cosignerName,
  equalBytes,
  formatNote,
  formatOrigin,
  type Hash,
  isLogFork,
  logLeafHash,
  logTree,
  pathHashes,
  readCheckpoint,
  signCheckpoint,
  u32le,
} from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Cosigner, cosigner } from './cosign.ts';
import { type CosignerStore, cosignerPath, openCosignerStore } from './cosignerStore.ts';

const domain = new Uint8Array(32).fill(7);
const gateway = new Uint8Array(32).fill(1);
const me = new Uint8Array(32).fill(2);
const [keypair, gatewayKey, stranger] = [generateKeypair(), generateKeypair(), generateKeypair()];
const origin = formatOrigin({ domain, gateway });

let folder: string;
let store: CosignerStore;
let said: string[];
let maySign: boolean;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-cosigner-'));
  store = openCosignerStore(cosignerPath(folder));
  said = [];
  maySign = true;
});
afterEach(async () => {
  store[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

const make = (): Cosigner => {
  const note = (_: unknown, sentence?: string): void => {
    said.push(sentence ?? '');
  };
  return cosigner({
    domain,
    me,
    signer: keypair,
    store,
    gatewayKeys: (address) => (equalBytes(address, gateway) ? [gatewayKey.publicKey] : []),
    maySign: () => maySign,
    verify: nativeVerifySignature,
    nowMs: () => 5_999,
    log: { warn: note, error: note },
  });
};

/** A log of numbers, of which `changed` is another one. */
function grown(size: number, changed?: number) {
  const stored = new Map<string, Hash>();
  const tree = logTree();
  const hashes: Hash[] = [];
  const roots = [tree.root()];
  for (let i = 0; i < size; i++) {
    const leafHash = logLeafHash(u32le(i === changed ? 1_000 : i));
    hashes.push(leafHash);
    for (const { level, index, hash } of tree.append(leafHash)) stored.set(`${level}/${index}`, hash);
    roots.push(tree.root());
  }
  return {
    hashes,
    checkpoint: (at: number, key = gatewayKey, name = origin): string => {
      const checkpoint: Checkpoint = { origin: name, size: at, root: roots[at] ?? new Uint8Array(32) };
      return formatNote(signCheckpoint(key, checkpoint));
    },
    path: (from: number, to: number) =>
      pathHashes(
        consistencyPlan(from, to),
        ({ level, index }) => stored.get(`${level}/${index}`) ?? new Uint8Array(32),
      ),
  };
}

const log = grown(50);
const asked = (by: Cosigner, from: number, to: number, of = log, remote = gatewayKey.publicKey) => {
  const ask = {
    what: 'cosign',
    oldSize: BigInt(from),
    path: of.path(from, to),
    checkpoint: of.checkpoint(to),
  } as const;
  return by.answer(ask, remote);
};
const refused = { status: 'refused', size: 0n, checkpoints: [] };
const unknown = { status: 'unknown', size: 0n, checkpoints: [] };

test('G-21: what goes on from what it cosigned is on disk and then cosigned, after a restart as well', () => {
  const before = make();
  for (const [from, to] of [
    [0, 3],
    [3, 3],
    [3, 10],
  ] as const) {
    const { status, size, checkpoints } = asked(before, from, to);
    const note = readCheckpoint(checkpoints[0] ?? '')?.note ?? { text: '', signatures: [] };
    expect([status, size, checkpoints.length]).toEqual(['cosigned', BigInt(to), 1]);
    expect(checkCosignature(note, { name: cosignerName(me), identity: keypair.publicKey })).toBe(5n);
    expect(store.newest(origin)?.note).toBe(checkpoints[0]);
  }
  store[Symbol.dispose]();
  store = openCosignerStore(cosignerPath(folder));
  const after = make();
  expect(asked(after, 0, 20)).toEqual({ status: 'behind', size: 10n, checkpoints: [] });
  expect(asked(after, 10, 20).status).toBe('cosigned');
  expect(after.answer({ what: 'latest', oldSize: 0n, path: [], checkpoint: '' }, stranger.publicKey)).toEqual({
    status: 'latest',
    size: 0n,
    checkpoints: [store.newest(origin)?.note],
  });
  expect(said).toEqual([]);
});

test('G-21: a smaller one is not cosigned, nor one that starts elsewhere', () => {
  const own = make();
  asked(own, 0, 20);
  expect(asked(own, 20, 20).status).toBe('cosigned');
  const behind = { status: 'behind', size: 20n, checkpoints: [] };
  expect([asked(own, 0, 20), asked(own, 10, 30), asked(own, 5, 10)]).toEqual([behind, behind, behind]);
  const smaller = { what: 'cosign', oldSize: 20n, path: [], checkpoint: log.checkpoint(10) } as const;
  expect(own.answer(smaller, gatewayKey.publicKey)).toEqual(behind);
  expect(store.newest(origin)?.size).toBe(20);
  expect(store.forks()).toEqual([]);
});

test('G-23: a log whose past is another is refused, and both checkpoints are kept; the fork shows offline', () => {
  const own = make();
  asked(own, 0, 20);
  const forked = grown(50, 4);
  expect(asked(own, 20, 30, forked)).toEqual(refused);
  const [first, second] = [store.newest(origin)?.note ?? '', forked.checkpoint(30)];
  expect(store.forks()).toEqual([{ origin, first, second, isProven: false }]);
  expect(said).toEqual(['A gateway cannot show that its log only grew; both checkpoints are kept.']);
  // With the leaves of the larger log anybody sees it; without them, with others or against the log itself nobody does.
  const about = { origin, identity: gatewayKey.publicKey };
  const leafHashes = forked.hashes.slice(0, 30);
  expect(isLogFork({ first, second }, { ...about, leafHashes })).toBe(true);
  expect(isLogFork({ first, second }, about)).toBe(false);
  expect(isLogFork({ first, second }, { ...about, leafHashes: log.hashes.slice(0, 30) })).toBe(false);
  expect(isLogFork({ first, second: log.checkpoint(30) }, { ...about, leafHashes: log.hashes.slice(0, 30) })).toBe(
    false,
  );
  // The honest log still goes on: a false path alone is no fork, since a crash of the gateway may have made it.
  expect(asked(own, 20, 30).status).toBe('cosigned');
});

test('G-23: two logs of one size are a fork; it is kept, and the log is never cosigned again', () => {
  const own = make();
  asked(own, 0, 20);
  asked(own, 20, 30);
  const forked = grown(50, 4);
  expect(asked(own, 30, 30, forked)).toEqual(refused);
  expect(asked(own, 0, 20, forked)).toEqual(refused);
  expect(asked(own, 30, 40)).toEqual(refused);
  const forks = store.forks();
  expect(forks.map(({ isProven }) => isProven)).toEqual([true, true]);
  const about = { origin, identity: gatewayKey.publicKey };
  expect(forks.map((fork) => isLogFork(fork, about))).toEqual([true, true]);
  const [fork] = forks;
  if (fork === undefined) throw new Error('A fork was kept.');
  expect(isLogFork(fork, { ...about, identity: stranger.publicKey })).toBe(false);
  expect(isLogFork({ first: fork.first, second: fork.first }, about)).toBe(false);
  expect(isLogFork({ first: fork.first, second: `${fork.second}x` }, about)).toBe(false);
  expect(said).toEqual([
    'A gateway signed two logs of one size; both checkpoints are kept as evidence.',
    'A gateway signed two logs of one size; both checkpoints are kept as evidence.',
  ]);
});

test('G-22: a fork shows in what another validator cosigned', () => {
  const own = make();
  asked(own, 0, 20);
  const forked = grown(50, 4);
  own.compare(log.checkpoint(20));
  own.compare(forked.checkpoint(10));
  own.compare(forked.checkpoint(20, stranger));
  own.compare('nothing');
  expect([store.isForked(origin), asked(own, 20, 21).status]).toEqual([false, 'cosigned']);
  own.compare(forked.checkpoint(20));
  expect([store.isForked(origin), asked(own, 21, 22)]).toEqual([true, refused]);
});

test('G-21: nothing of another cluster, gateway or key is cosigned, and nothing while another process may sign', () => {
  const own = make();
  const other = { what: 'cosign', oldSize: 0n, path: [] } as const;
  const names = [
    formatOrigin({ domain: new Uint8Array(32), gateway }),
    formatOrigin({ domain, gateway: me }),
    'example.com/log',
  ];
  const notes = [...names.map((name) => log.checkpoint(3, gatewayKey, name)), log.checkpoint(3, stranger), '', 'x\n'];
  const answers = notes.map((checkpoint) => own.answer({ ...other, checkpoint }, gatewayKey.publicKey));
  expect(answers).toEqual(notes.map(() => unknown));
  maySign = false;
  expect(asked(own, 0, 3)).toEqual(unknown);
  expect(store.latest(10)).toEqual([]);
});

test('a stranger who shows a true checkpoint with a false path leaves nothing behind', () => {
  const own = make();
  asked(own, 0, 20);
  const ask = { what: 'cosign', oldSize: 20n, path: [], checkpoint: log.checkpoint(30) } as const;
  expect(own.answer(ask, stranger.publicKey)).toEqual(refused);
  expect([store.forks(), said]).toEqual([[], []]);
});

test('the last 1,024 checkpoints of a log and sixteen forks are kept', () => {
  for (let size = 1; size <= 1_030; size++) store.put({ origin, size, root: new Uint8Array(32), note: `${size}` });
  expect([store.at(origin, 6), store.at(origin, 7)?.note, store.newest(origin)?.size]).toEqual([undefined, '7', 1_030]);
  const added = Array.from({ length: 20 }, (_, i) =>
    store.addFork(origin, { first: '', second: `${i}`, isProven: false }),
  );
  expect(added.filter((isNew) => isNew)).toHaveLength(16);
  expect(store.addFork(origin, { first: '', second: 'proven', isProven: true })).toBe(true);
});
