import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  batchBodyCodec,
  constantWeight,
  decode,
  type EntryContext,
  equalBytes,
  hash,
  receiptRecord,
  STANDING_AUTHORISATION,
  signRecord,
  toHex,
  type VerifySignature,
  verdictRecord,
  WHOLE,
  withChainMemo,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { logger, nativeVerifySignature } from '@karmesh/sdk/runtime';
import type { ChainReader, EpochFacts, ParticipantFacts } from '../../../validator/src/chain/chainReader.ts';
import type { ChainWriter } from '../../../validator/src/chain/chainWriter.ts';
import { attestManifest } from '../../../validator/src/epoch/attestManifest.ts';
import { closedSets } from '../../../validator/src/epoch/closedSets.ts';
import { closeEpoch } from '../../../validator/src/epoch/closeEpoch.ts';
import type { DutyParts } from '../../../validator/src/epoch/dutyParts.ts';
import { epochBodies } from '../../../validator/src/epoch/epochBodies.ts';
import { epochContext } from '../../../validator/src/epoch/epochContext.ts';
import { type EscrowFacts, escrowRow } from '../../../validator/src/epoch/escrowRow.ts';
import { EMPTY_LEDGER, loadLedger } from '../../../validator/src/epoch/ledger.ts';
import { postVerdicts } from '../../../validator/src/epoch/postVerdicts.ts';
import { sealRoot } from '../../../validator/src/epoch/sealRoot.ts';
import { judgeGossipedVerdict } from '../../../validator/src/ingest/gossipedVerdict.ts';
import { ingest } from '../../../validator/src/ingest/ingest.ts';
import { keepHeapLean } from '../../../validator/src/keepHeapLean.ts';
import type { ValidatorPeers } from '../../../validator/src/peers/validatorPeers.ts';
import { openProtection } from '../../../validator/src/slashingProtection/openProtection.ts';
import { openStore } from '../../../validator/src/store/openStore.ts';
import type { Measured, PhaseName } from './measured.ts';
import { CHAIN_LENGTH, named, type SceneParticipant, SLOTS_PER_EPOCH, scene } from './scene.ts';

// `measure.ts FOLDER BATCHES`: takes in an epoch of so many batches of FOLDER as a validator does, closes, attests, draws, tallies
// and reports it, and prints what that cost as one line of JSON. A process of its own, so that its peak of memory is the validator's.

keepHeapLean();
const [, , batches = '', wanted = ''] = process.argv;
const count = Number(wanted);
const { chain: parameters, offchain } = clusterPreset('devnet');
const market = scene();
const { domain } = market;
const signal = new AbortController().signal;
const log = logger({ name: 'validator', level: 'error' })();
const lag = monitorEventLoopDelay({ resolution: 10 });

let signatures = 0;
const verify: VerifySignature = (check) => {
  signatures += 1;
  return nativeVerifySignature(check);
};

// What a validator reads of the chain stands still here: it is not what is measured.
const gatewayOf = new Map(market.gateways.map((gateway) => [toHex(gateway.address), gateway]));
const commitments = new Map(
  market.gateways.map(({ address }, i) => [toHex(address), commitmentOf(market.chainSecret(i))]),
);
const slotHashes = Array.from({ length: Number(SLOTS_PER_EPOCH) }, (_, slot) => market.slotHash(BigInt(slot)));
const escrows = new Map(
  market.escrows.map(({ address, gateway }): [string, EscrowFacts] => [
    toHex(address),
    {
      address,
      gateway,
      balance: 1_000_000_000_000n,
      cumulativeDebit: 0n,
      authorised: STANDING_AUTHORISATION,
      withdrawAmount: 0n,
      withdrawAfterEpoch: undefined,
      lastSettledEpoch: undefined,
    },
  ]),
);
const lookUpChain = withChainMemo((gateway) => {
  const commitment = commitments.get(toHex(gateway));
  return commitment === undefined ? undefined : { commitment, length: CHAIN_LENGTH };
});
const context: EntryContext = {
  domain,
  verify,
  epochOf: (slot) => slot / SLOTS_PER_EPOCH,
  gatewayIdentity: (address) => gatewayOf.get(toHex(address))?.keypair.publicKey,
  chain: lookUpChain,
  slotHash: (slot) => slotHashes[Number(slot)],
  candidates: () => market.group.candidates,
  escrowGateway: (address) => escrows.get(toHex(address))?.gateway,
  model: () => ({ activeParameters: market.activeParameters }),
  listPrice: () => parameters.listPriceLamports,
  clockToleranceMs: offchain.clockToleranceMs,
};

const folder = await mkdtemp(join(tmpdir(), 'karmesh-validator-bench-'));

async function measure(): Promise<Measured> {
  const phases: Measured['phases'][number][] = [];
  const bare = { signatures: 0, cpuSeconds: 0 };
  const sample = await signaturesOf(0);
  /** Runs a phase of ours; what it spends on the rival's loop is not its own. */
  async function phase<T>(name: PhaseName, run: () => Promise<T>): Promise<T> {
    const spent = { ...bare };
    const began = { cpu: process.cpuUsage(), wall: performance.now() };
    lag.reset();
    lag.enable();
    const value = await run();
    // The longest turn shows only once the loop has turned again.
    await new Promise((resolve) => setTimeout(resolve, 25));
    lag.disable();
    phases.push({
      name,
      cpuSeconds: secondsOf(process.cpuUsage(began.cpu)) - (bare.cpuSeconds - spent.cpuSeconds),
      wallSeconds: (performance.now() - began.wall) / 1000,
      longestTurnMs: lag.max / 1e6,
      peakBytes: peakNow(),
    });
    return value;
  }
  /** The rival: the same verifier on the same kind of signatures and nothing else, a little after each few batches. */
  function runBare(): void {
    const before = process.cpuUsage();
    for (const check of sample)
      if (!nativeVerifySignature(check)) throw new RangeError('A signature of the epoch does not hold.');
    bare.cpuSeconds += secondsOf(process.cpuUsage(before));
    bare.signatures += sample.length;
  }
  runBare();
  bare.signatures = 0;
  bare.cpuSeconds = 0;

  let receipts = 0;
  let epochNow = 0n;
  let nowMs = 0;
  const byKind = new Map<string, number>();
  const parts = await open();
  const { store } = parts;
  {
    await using taker = ingest()({
      store,
      context: () => context,
      currentEpoch: () => epochNow,
      fetchBytes: async ({ hash: bodyHash }) => bodies.get(toHex(bodyHash)),
      nowMs: () => nowMs,
      log,
      count: ({ kind, verdict, rule }) => {
        const key = `${kind} ${verdict} ${rule}`.trim();
        byKind.set(key, (byKind.get(key) ?? 0) + 1);
      },
    });
    const bodies = new Map<string, Uint8Array>();
    await phase('ingest', async () => {
      await store.addSnapshot(0n, [market.group]);
      for (let batch = 0; batch < count; batch++) {
        const body = new Uint8Array(await readFile(join(batches, `${batch}.body`)));
        bodies.set(toHex(hash(body)), body);
        nowMs += 1000;
        if (taker.header(new Uint8Array(await readFile(join(batches, `${batch}.header`)))) !== 'accept')
          throw new RangeError(`The header of batch ${batch} is not accepted.`);
        await taker.idle();
        bodies.clear();
        if (batch % 4 === 0) runBare();
      }
    });
  }
  const entries = store.book(0n)?.entryCount ?? 0;
  if (byKind.get('entry accept') !== entries)
    throw new RangeError(`Not every entry is held: ${JSON.stringify([...byKind])}`);
  for (const stored of store.book(0n)?.entries() ?? []) receipts += stored.checked.entry.evidence.receipts.length;

  epochNow = 1n;
  const account = { ...EMPTY_ACCOUNT };
  const written = parts.written;
  await phase('close', () => closeEpoch(parts.duty, 0n, { signal }));
  Object.assign(account, { manifestHash: written.manifestHash, state: 'closed' });
  parts.accounts.push(account);
  await phase('attest', async () => expectDone(await attestManifest(parts.duty, account, { signal })));
  Object.assign(account, { state: 'beacon', beacon: named('beacon') });
  const drawn = await phase('draw', () => epochContext(parts.duty, account, { signal }));
  const verdicts = (drawn?.audits ?? []).map((audit) => {
    const auditor = market.validators.find(({ address }) =>
      equalBytes(address, audit.auditors[0]?.participant ?? ZERO_HASH),
    );
    if (auditor === undefined) throw new RangeError('The first auditor is one of the scene.');
    const { entryHash, receiptHash } = audit;
    const measurementsHash = hash(named('measured'), entryHash);
    const fields = { epoch: 0n, attempt: 0, verdict: 'pass' as const, rule: 0 };
    return signRecord(
      verdictRecord,
      { domain, signer: auditor.keypair },
      { ...fields, entryHash, receiptHash, validator: auditor.address, measurementsHash },
    );
  });
  await phase('verdicts', async () => {
    for (const signed of verdicts) {
      const { value } = signed;
      const bytes = concat(verdictRecord.encode(domain, value).subarray(33), signed.signature);
      const judged = judgeGossipedVerdict({ domain, verify, epoch: 1n, validatorIdentity, held: () => [] }, bytes);
      if (judged.verdict !== 'accept') throw new RangeError(`A verdict is not accepted: ${judged.rule}.`);
      await store.addVerdict({
        verdictHash: verdictRecord.hash(domain, value),
        signed: judged.signed,
        arrivedSlot: 10_000n,
      });
    }
    expectDone(await postVerdicts(parts.duty, account, { signal }));
  });
  Object.assign(account, { state: 'verdicts', ...written.verdicts, verdictsSlot: 10_100n });
  await phase('tally', async () => expectDone(await sealRoot(parts.duty, account, { signal })));
  const vote = parts.protection.rootVote(0n, 0);
  if (vote === undefined) throw new RangeError('The report is sealed.');
  Object.assign(account, { state: 'finalised', reportHash: vote.reportHash, root: vote.report.root });
  await phase('ledger', async () => {
    const chain = {
      config: { ...parts.duty.chain.config(), lastFinalisedEpoch: 0n, lastRoot: vote.report.root },
      epochs: [account],
    };
    const ledger = await loadLedger({ domain, bodies: parts.duty.bodies, identityOf: () => undefined }, chain, {
      signal,
    });
    if (ledger === undefined) throw new RangeError('The report’s body gives its trees.');
  });
  await parts[Symbol.asyncDispose]();

  const storeBytes = await bytesUnder(join(folder, 'data', 'epochs'));
  const reopened = performance.now();
  const again = await openStore({ folder: join(folder, 'data') });
  const openSeconds = (performance.now() - reopened) / 1000;
  if (again.book(0n)?.entryCount !== entries) throw new RangeError('The folder holds what was stored.');
  await again[Symbol.asyncDispose]();
  return {
    entries,
    receipts,
    signatures,
    audits: verdicts.length,
    owedParticipants: vote.report.participantCount,
    phases,
    bare,
    peakBytes: peakNow(),
    storeBytes,
    openSeconds,
  };
}

async function open() {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await openStore({ folder: join(folder, 'data') }));
  const [me] = market.validators;
  if (me === undefined) throw new RangeError('The scene has validators.');
  const protection = stack.use(
    await openProtection({
      path: join(folder, 'data', 'protection.log'),
      owner: {
        genesis: named('genesis'),
        programId: named('program'),
        participant: me.address,
        identity: me.keypair.publicKey,
      },
      log,
    }),
  );
  const accounts: EpochFacts[] = [];
  const written: { manifestHash: Uint8Array; verdicts: Partial<EpochFacts> } = {
    manifestHash: ZERO_HASH,
    verdicts: {},
  };
  const peers: ValidatorPeers = { fetchBytes: async () => undefined, async *bodiesOf() {} };
  const chain: ChainReader = {
    refresh: async () => {},
    slot: () => SLOTS_PER_EPOCH + 100n,
    config: () => ({
      epochZeroSlot: 0n,
      lastFinalisedEpoch: undefined,
      lastRoot: ZERO_HASH,
      offchainParametersHash: ZERO_HASH,
      parameters,
      changes: [],
    }),
    participants: () => participants,
    slotHash: context.slotHash,
    gatewayChain: context.chain,
    escrow: (address) => escrows.get(toHex(address)),
    epochs: () => accounts,
    vote: () => undefined,
    past: { epoch: async () => undefined, gatewayChain: async () => undefined },
    ownVotes: { openVotes: async () => [], openVote: async () => undefined },
  };
  const sent = async (): Promise<string> => 'sent';
  const writer: ChainWriter = {
    closeEpoch: sent,
    attest: sent,
    revealSalt: sent,
    recordBeacon: sent,
    async postVerdicts({ verdictsRoot, verdictCount }) {
      written.verdicts = { verdictsRoot, verdictCount };
      return 'sent';
    },
    postRoot: sent,
    revealRoot: sent,
    settleEscrow: sent,
    finalise: sent,
    claim: sent,
    closeVote: sent,
  };
  const bodies = epochBodies({ store, peers });
  const sets = closedSets({
    store,
    bodies,
    peers,
    context: () => context,
    past: chain.past,
    identityOf: () => undefined,
  });
  const duty: DutyParts = {
    domain,
    me: me.address,
    offchain,
    chain,
    writer,
    store,
    protection,
    bodies,
    sets,
    peers,
    // Replaying answers is the engine's work and not measured here; the verdicts come as from peers.
    auditor: { run: async () => [] },
    ledger: { current: () => EMPTY_LEDGER, replace: () => {} },
    contexts: new Map(),
    context: () => context,
    takeEntry: async () => undefined,
    escrowAtEnd: (epoch, address) => {
      const escrow = escrows.get(toHex(address));
      return escrow === undefined ? undefined : escrowRow(escrow, epoch);
    },
    announce: {
      verdict: async () => 1,
      manifest: async ({ manifestHash }) => {
        written.manifestHash = manifestHash;
      },
      report: async () => {},
    },
    heard: new Set(),
    randomHash: () => named('salt'),
    log,
  };
  const owned = stack.move();
  return { store, protection, duty, accounts, written, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const facts = (people: readonly SceneParticipant[], role: ParticipantFacts['role']): readonly ParticipantFacts[] =>
  people.map(({ address, index, roleOrdinal, keypair }) => ({
    address,
    index,
    identity: keypair.publicKey,
    previousIdentity: ZERO_HASH,
    identityFromEpoch: 0n,
    activeFromEpoch: 0n,
    weights: constantWeight(parameters.minValidatorBond),
    capacity: [1, 1],
    capacityFromEpoch: 0n,
    ownUnits: parameters.minValidatorBond,
    slashIndex: WHOLE,
    weightKarma: [0n, 0n],
    weightFromEpoch: 0n,
    engineClass: market.engineClass,
    models: [market.modelId],
    role,
    owner: address,
    roleOrdinal,
    karma: [],
    lifetime: [],
    lifetimePaid: 0n,
    openCases: 0,
  }));
const participants = [
  ...facts(market.gateways, 'gateway'),
  ...facts(market.workers, 'worker'),
  ...facts(market.validators, 'validator'),
];

function validatorIdentity(address: Uint8Array): Uint8Array | undefined {
  return market.validators.find((one) => equalBytes(one.address, address))?.keypair.publicKey;
}

const EMPTY_ACCOUNT: EpochFacts = {
  epoch: 0n,
  state: 'closed',
  totalStake: 0n,
  validatorCount: market.validators.length,
  manifestHash: ZERO_HASH,
  receiptSetRoot: ZERO_HASH,
  closeSlot: 0n,
  proposer: named('proposer'),
  attestedStake: 0n,
  attestedSlot: 0n,
  beaconTargetSlot: 0n,
  beacon: ZERO_HASH,
  verdictsRoot: ZERO_HASH,
  verdictCount: 0,
  verdictAttempt: 0,
  verdictsSlot: 0n,
  verdictsProposer: named('proposer'),
  sealedStake: 0n,
  sealsSlot: 0n,
  reportHash: ZERO_HASH,
  root: ZERO_HASH,
  priorRoot: ZERO_HASH,
  escrowCount: 0,
  settledCount: 0,
  quorumSlot: 0n,
  openChallenges: 0,
};

function expectDone(result: string): void {
  if (result !== 'done') throw new RangeError(`A duty ends as ${result}.`);
}

function commitmentOf(secret: Uint8Array): Uint8Array {
  let value = secret;
  for (let i = 0; i < CHAIN_LENGTH; i++) value = hash(value);
  return value;
}

/** Receipts of a batch as one verifies them: message, signature, key. */
async function signaturesOf(batch: number): Promise<readonly Parameters<VerifySignature>[0][]> {
  const identities = new Map(market.workers.map(({ address, keypair }) => [toHex(address), keypair.publicKey]));
  const entries = decode(batchBodyCodec, new Uint8Array(await readFile(join(batches, `${batch}.body`))));
  return entries.flatMap(({ evidence }) =>
    evidence.receipts.map(({ receipt: { value, signature } }) => ({
      message: receiptRecord.hash(domain, value),
      signature,
      identity: identities.get(toHex(value.worker)) ?? ZERO_HASH,
    })),
  );
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function secondsOf({ user, system }: { readonly user: number; readonly system: number }): number {
  return (user + system) / 1e6;
}

function peakNow(): number {
  return process.resourceUsage().maxRSS * 1024;
}

async function bytesUnder(of: string): Promise<number> {
  const sizes = await Promise.all((await readdir(of)).map(async (name) => (await stat(join(of, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
