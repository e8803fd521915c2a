import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { topics } from '@karmesh/sdk/network';
import { type CaseAccount, EPOCH_STATE, instructionName, toPublicKey } from '@karmesh/sdk/program';
import { decode, type Entry, namedParameters, signedCodec, toHex, verdictRecord, WHOLE } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { Connection, PublicKey } from '@solana/web3.js';
import { type RunningMarket, startMarket } from '../../validator/src/fixtures/runningMarket.ts';
import type { ValidatorParts } from '../../validator/src/validator.ts';
import { type Lies, lazyValidator, lyingValidator } from './hostile/falseVoter.ts';

const SOL = 1_000_000_000n;
/** Two honest ones, a liar, a lazy one and one that is killed: the last three have 27 % of the stake. */
const BONDS = [12n * SOL, 12n * SOL, 3n * SOL, 3n * SOL, 3n * SOL];
const LIAR = 2;
const LAZY = 3;
const KILLED = 4;
/** Six processes' worth of work have to keep up with it. */
const SLOT_MS = 120;
/** How long the fifth one lives, and how long it is dead. */
const LIFE_MS = [2_500, 14_000] as const;
const DEATH_MS = [200, 2_500] as const;

export interface FiveResult {
  /** Of each epoch: the root on chain, the one that the honest ones tallied, and the liar's, in hexadecimal. */
  readonly epochs: readonly {
    readonly epoch: bigint;
    readonly root: string;
    readonly honest: string | undefined;
    readonly lie: string | undefined;
  }[];
  /** By the places above: what is left of each stake, in parts of 2^60, and how many cases are open or executed. */
  readonly slashed: readonly boolean[];
  readonly cases: readonly { readonly offender: number; readonly finder: number; readonly executed: boolean }[];
  /** Pairs of signatures of the killed one that exclude each other. */
  readonly signedTwice: readonly string[];
  /** What of the killed one was looked at: attestations, seals, reports and verdicts. */
  readonly signed: Readonly<Record<'attest' | 'postRoot' | 'revealRoot' | 'verdict', number>>;
  readonly kills: number;
}

/** Runs five validators for so many final epochs, and until what the cheats did in them has cost them stake. */
export async function runFiveValidators(
  epochs: number,
  { signal, print }: { readonly signal: AbortSignal; readonly print: (line: string) => void },
): Promise<FiveResult> {
  await using stack = new AsyncDisposableStack();
  const lies: Lies = { roots: new Map() };
  const honest = new Map<bigint, string>();
  let liarIdentity: Uint8Array = new Uint8Array(32);
  const watched = (parts: ValidatorParts): ValidatorParts => ({
    ...parts,
    writer: {
      ...parts.writer,
      revealRoot(vote, options) {
        honest.set(vote.epoch, toHex(vote.report.root));
        return parts.writer.revealRoot(vote, options);
      },
    },
  });
  const market = stack.use(
    await startMarket({
      bonds: BONDS,
      chain: { challengeSlots: 16n, evidenceEpochs: 2n, slashDelayEpochs: 1n, coolDownEpochs: 4n },
      // A slow machine takes some epochs before all is ready, and cases need two more behind the last vote.
      committedEpochs: BigInt(epochs) + 24n,
      cheats: new Map([
        [0, watched],
        [1, watched],
        [LIAR, lyingValidator(lies)],
        [LAZY, lazyValidator(() => liarIdentity)],
      ]),
      absent: new Set([KILLED]),
      slotMs: SLOT_MS,
    }),
  );
  const members = market.market.validators;
  liarIdentity = members[LIAR]?.keypair.publicKey ?? liarIdentity;
  const fifth = members[KILLED];
  if (fifth === undefined) throw new RangeError('There are five validators.');
  const signed = { attest: 0, postRoot: 0, revealRoot: 0, verdict: 0 };
  const verdicts = new Map<string, Set<string>>();
  market.host.subscribe(topics.verdicts, ({ data }) => {
    const { value } = decode(signedCodec(verdictRecord), data);
    if (toHex(value.validator) === toHex(fifth.address)) {
      const key = `verdict ${value.epoch} ${toHex(value.entryHash)} ${value.attempt}`;
      verdicts.set(key, (verdicts.get(key) ?? new Set()).add(toHex(verdictRecord.hash(market.market.domain, value))));
    }
    return 'accept';
  });
  const mortal = stack.use(await mortalValidator(market, fifth.keypair, { signal }));

  const { view } = market;
  const { epochZeroSlot } = view.config();
  const { slotsPerEpoch } = namedParameters(view.config().parameters);
  await market.until('epoch 0', () => view.slot() > epochZeroSlot + 2n);
  const first = view.epoch() ?? 0n;
  let next = first;
  let sequence = 0n;
  const isOver = (): boolean => finalSince(market, first).length >= epochs && cheatsPaid(market);
  await market.until('the epochs and the slashes', () => {
    signal.throwIfAborted();
    // The slot whose hash draws the workers lies in the epoch, which everybody has seen begin (I-02). In the one before, the numbers would be used twice: an offence.
    const epoch = (view.latestSlotHash().slot - epochZeroSlot) / slotsPerEpoch;
    const isSeen = view.latestSlotHash().slot > epochZeroSlot + epoch * slotsPerEpoch + 10n;
    if (epoch >= next && isSeen) {
      next = epoch + 1n;
      sequence += 1n;
      void publish(market, {
        epoch,
        sequence,
        entries: market.entries([{ dispatchNumber: 1 }, { dispatchNumber: 2 }]),
      });
      print(`epoch ${epoch}: ${finalSince(market, first).length} final, ${mortal.kills()} kills`);
    }
    return isOver();
  });
  await mortal[Symbol.asyncDispose]();
  const connection = new Connection(market.rpcUrl, 'confirmed');
  const onChain = await votesOnChain(connection, { of: fifth.keypair, program: market.client.addresses.programId });
  const conflicting = [...onChain, ...verdicts].filter(([, hashes]) => hashes.size > 1).map(([key]) => key);
  for (const [key] of [...onChain, ...verdicts]) signed[key.slice(0, key.indexOf(' ')) as keyof typeof signed] += 1;
  const cases = await market.client.cases({ signal });
  return {
    epochs: finalSince(market, first)
      .slice(0, epochs)
      .map((epoch) => ({
        epoch,
        root: toHex(view.epochAccount(epoch)?.root ?? new Uint8Array()),
        honest: honest.get(epoch),
        lie: lies.roots.get(epoch),
      })),
    slashed: members.map(({ address }) => (view.participant(address)?.slashIndex ?? 0n) < WHOLE),
    cases: cases.map((one) => readCase(market, one)),
    signedTwice: conflicting,
    signed,
    kills: mortal.kills(),
  };
}

async function publish(
  market: RunningMarket,
  batch: { readonly epoch: bigint; readonly sequence: bigint; readonly entries: readonly Entry[] },
): Promise<void> {
  await market.publish(batch.entries, batch);
}

/** The epochs from `first` on that are final. */
function finalSince({ view }: RunningMarket, first: bigint): readonly bigint[] {
  const current = view.epoch() ?? 0n;
  return Array.from({ length: Number(current - first) }, (_, i) => first + BigInt(i)).filter(
    (epoch) => view.epochAccount(epoch)?.state === EPOCH_STATE.finalised,
  );
}

function cheatsPaid({ view, market }: RunningMarket): boolean {
  return [LIAR, LAZY].every((at) => {
    const address = market.validators[at]?.address;
    return address !== undefined && (view.participant(address)?.slashIndex ?? WHOLE) < WHOLE;
  });
}

function readCase({ market }: RunningMarket, { offender, finder, executed }: CaseAccount): FiveResult['cases'][number] {
  return {
    offender: market.validators.findIndex(({ address }) => toHex(address) === toHex(offender)),
    finder: market.validators.findIndex(({ keypair }) => toHex(keypair.publicKey) === toHex(finder)),
    executed: executed === 1,
  };
}

/** What an identity ever sent to the chain of what must not be signed twice: by what it is about, the bytes that were signed. */
async function votesOnChain(
  connection: Connection,
  { of, program }: { readonly of: Keypair; readonly program: Uint8Array },
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const seen = new Map<string, Set<string>>();
  for (let before: string | undefined; ; ) {
    const page = await connection.getSignaturesForAddress(new PublicKey(of.publicKey), {
      limit: 200,
      ...(before === undefined ? {} : { before }),
    });
    for (const { signature } of page) {
      const transaction = await connection.getTransaction(signature, {
        commitment: 'confirmed',
        maxSupportedTransactionVersion: 0,
      });
      const message = transaction?.transaction.message;
      for (const { programIdIndex, data } of message?.compiledInstructions ?? []) {
        if (message?.staticAccountKeys[programIdIndex]?.equals(toPublicKey(program)) !== true) continue;
        const name = instructionName(data);
        if (name !== 'attest' && name !== 'postRoot' && name !== 'revealRoot') continue;
        // All three begin with the epoch; a seal ends with its attempt, and only one of each attempt may be revealed.
        const epoch = Buffer.from(data).readBigUInt64LE(8);
        const about = name === 'postRoot' ? `${epoch} ${Buffer.from(data).readUInt32LE(data.length - 4)}` : `${epoch}`;
        const key = `${name} ${about}`;
        seen.set(key, (seen.get(key) ?? new Set()).add(toHex(data)));
      }
    }
    before = page.at(-1)?.signature;
    if (before === undefined) return seen;
  }
}

interface Mortal extends AsyncDisposable {
  kills(): number;
}

const script = fileURLToPath(new URL('../../validator/src/fixtures/validatorForever.ts', import.meta.url));

/** A validator as a process of its own that is killed by SIGKILL at random moments and started again in its folder. */
async function mortalValidator(
  market: RunningMarket,
  keypair: Keypair,
  { signal }: { readonly signal: AbortSignal },
): Promise<Mortal> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-mortal-'));
  const keypairFile = join(folder, 'identity.json');
  await writeFile(keypairFile, JSON.stringify([...keypair.secretKey()]), { mode: 0o600 });
  const ending = new AbortController();
  const over = AbortSignal.any([signal, ending.signal]);
  let kills = 0;
  let child: ChildProcess | undefined;
  const between = ([least, most]: readonly [number, number]) => least + Math.random() * (most - least);
  const end = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const living = (async () => {
    while (!over.aborted) {
      const args = [market.rpcUrl, keypairFile, join(folder, 'data'), market.host.addresses().join(',')];
      child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ready = once(createInterface({ input: child.stdout ?? Readable.from([]) }), 'line', { signal: over });
      const isReady = await Promise.race([ready.then(() => true), once(child, 'exit').then(() => false)]);
      if (!isReady) throw new Error('The validator ended before it was ready.');
      await pause(between(LIFE_MS), undefined, { signal: over });
      await end();
      kills += 1;
      await pause(between(DEATH_MS), undefined, { signal: over });
    }
  })().catch((error: unknown) => {
    if (!over.aborted) throw error;
  });
  return {
    kills: () => kills,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await living;
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
