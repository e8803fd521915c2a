import {
  accuseVoter,
  type CaseAccount,
  closeBuffer,
  commitFinding,
  decodeCase,
  decodeFault,
  executeCase,
  type FaultAccount,
  type FaultOptions,
  openBuffer,
  proveDoubleSign,
  proveFalseClaimsLeaf,
  proveFalseLifetime,
  proveFalseSum,
  proveLazyVerdict,
  verifyTwoSignatures,
  writeWholeBuffer,
} from '@karmesh/sdk/program';
import {
  bufferContent,
  type DoubleSign,
  decode,
  doubleSign,
  FINDING_SLOTS,
  falseVoteKey,
  findingCommitment,
  type LazyVerdict,
  lazyVerdict,
  plantedOutputHash,
  type Receipt,
  receiptRecord,
  reportCodec,
  reportHashOf,
  type SignedTwice,
  type Verdict,
} from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';
import { verdictsRoot } from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { type Member, must, readEpoch, SOL, type World } from './world.ts';

const REPORT_BYTES = 228;

/** Who looks for offences in these tests. */
export async function fundedFinder(world: World, name = 'finder'): Promise<Keypair> {
  const finder = namedKey(name);
  await world.ledger.fund(finder.publicKey, SOL);
  return finder;
}

export interface Committed {
  readonly commitment: Uint8Array;
  readonly salt: Uint8Array;
}

export function commitmentOf(world: World, finder: Keypair, evidence: Uint8Array): Committed {
  const salt = namedHash('finding salt');
  return { salt, commitment: findingCommitment(world.domain, { finder: finder.publicKey, evidence, salt }) };
}

/** Commits to evidence and, unless told, waits until it may be shown. */
export async function commit(
  world: World,
  finder: Keypair,
  evidence: Uint8Array,
  waitSlots = FINDING_SLOTS,
): Promise<Committed> {
  const committed = commitmentOf(world, finder, evidence);
  const { ledger, addresses } = world;
  const { commitment } = committed;
  // What a refused showing left behind still counts.
  if ((await ledger.account(addresses.finding(finder.publicKey, commitment))) === undefined)
    await ledger.send([commitFinding(addresses, { finder: finder.publicKey, commitment })], [finder]);
  await ledger.untilSlot((await ledger.slot()) + waitSlots);
  return committed;
}

/** Writes evidence into a buffer and commits to it. Returns what the instructions that show it take. */
export async function buffered(world: World, finder: Keypair, evidence: Uint8Array, nonce = 0n) {
  const { ledger, addresses } = world;
  const content = bufferContent(evidence);
  const owner = finder.publicKey;
  const committed = await commit(world, finder, content, 0n);
  await ledger.send([openBuffer(addresses, { owner, nonce, size: content.length })], [finder]);
  for (const piece of writeWholeBuffer(addresses, { owner, nonce, content })) await ledger.send([piece], [finder]);
  await ledger.untilSlot((await ledger.slot()) + FINDING_SLOTS);
  return { ...committed, finder: owner, buffer: addresses.buffer(owner, nonce) };
}

export function sendCloseBuffer(world: World, finder: Keypair, nonce = 0n): Promise<Ran> {
  return world.ledger.send([closeBuffer(world.addresses, { owner: finder.publicKey, nonce })], [finder]);
}

/** What tests show a report to be false by. */
export type FaultName = 'sum' | 'lifetime' | 'claims';
const PROVE = { sum: proveFalseSum, lifetime: proveFalseLifetime, claims: proveFalseClaimsLeaf } as const;

/** The hash of the report that evidence begins with. */
export function hashOfReport(world: World, epoch: bigint, evidence: Uint8Array): Uint8Array {
  const report = decode(reportCodec, evidence.subarray(0, REPORT_BYTES));
  return reportHashOf(world.domain, { epoch, verdictsRoot: verdictsRoot(epoch), report });
}

/** As `buffered`, of a report: what the instructions take that show it to be false. */
export async function bufferedFault(
  world: World,
  finder: Keypair,
  fault: { readonly epoch: bigint; readonly evidence: Uint8Array; readonly nonce?: bigint },
): Promise<FaultOptions> {
  const { epoch, evidence, nonce = 0n } = fault;
  const reportHash = hashOfReport(world, epoch, evidence);
  return { ...(await buffered(world, finder, evidence, nonce)), epoch, reportHash };
}

/** Commits to the evidence, writes it and shows it. */
export async function showFault(
  world: World,
  finder: Keypair,
  shown: {
    readonly name: FaultName;
    readonly epoch: bigint;
    readonly evidence: Uint8Array;
    readonly priorEpoch?: bigint;
    readonly nonce?: bigint;
  },
): Promise<Ran> {
  const { name, evidence, nonce = 0n, ...rest } = shown;
  const options = await bufferedFault(world, finder, { epoch: rest.epoch, evidence, nonce });
  return await world.ledger.send([PROVE[name](world.addresses, { ...options, ...rest })], [finder]);
}

export async function readCase({ ledger, addresses }: World, of: Uint8Array, key: Uint8Array): Promise<CaseAccount> {
  return decodeCase(await must(ledger.account(addresses.offenceCase(of, key))));
}

export async function readFault(
  { ledger, addresses }: World,
  reportHash: Uint8Array,
  kind: number,
): Promise<FaultAccount> {
  return decodeFault(await must(ledger.account(addresses.fault(reportHash, kind))));
}

export function receiptOf(worker: Member, answer: string, changed: Partial<Receipt> = {}): Receipt {
  return {
    dispatchHash: namedHash('dispatch'),
    worker: worker.address,
    epoch: 0n,
    counter: 3n,
    promptTokens: 20,
    outputTokens: 8,
    outputHash: namedHash(answer),
    bodyHash: namedHash('body'),
    ...changed,
  };
}

/** A worker's two receipts with one counter. */
export function twoReceipts(worker: Member): SignedTwice {
  return { name: 'receipt', first: receiptOf(worker, 'one answer'), second: receiptOf(worker, 'another answer') };
}

/** The two instructions that show a double signature. */
export function shownTwice(
  world: World,
  shown: {
    readonly finder: Keypair;
    readonly signer: Pick<Keypair, 'publicKey' | 'sign'>;
    readonly twice: DoubleSign;
    readonly committed: Committed;
  },
): TransactionInstruction[] {
  const { finder, signer, twice, committed } = shown;
  const { messages } = twice;
  return [
    verifyTwoSignatures({
      identity: signer.publicKey,
      messages,
      signatures: [signer.sign(messages[0]), signer.sign(messages[1])],
    }),
    proveDoubleSign(world.addresses, { finder: finder.publicKey, ...committed, shown: twice }),
  ];
}

/** Commits, waits and shows what somebody signed twice. */
export async function showTwice(
  world: World,
  finder: Keypair,
  signed: { readonly twice: SignedTwice; readonly by: Member },
): Promise<{ readonly ran: Ran; readonly twice: DoubleSign }> {
  const twice = doubleSign(world.domain, signed.twice);
  const committed = await commit(world, finder, twice.evidence);
  const ran = await world.ledger.send(shownTwice(world, { finder, signer: signed.by.identity, twice, committed }), [
    finder,
  ]);
  return { ran, twice };
}

/** What a planted answer's output hash is made of in these tests. */
export const PLANTED_SECRET = namedHash('planted');

/** A worker's receipt over a planted answer, and what a validator signs that does not look. */
export function lazyPass(
  world: World,
  by: Member,
  changed: { readonly receipt?: Partial<Receipt>; readonly verdict?: Partial<Verdict> } = {},
): { readonly verdict: Verdict; readonly receipt: Receipt; readonly secret: Uint8Array } {
  const [worker] = world.workers as [Member];
  const receipt = receiptOf(worker, 'planted', {
    outputHash: plantedOutputHash(world.domain, PLANTED_SECRET),
    ...changed.receipt,
  });
  const verdict: Verdict = {
    epoch: 0n,
    entryHash: namedHash('entry'),
    receiptHash: receiptRecord.hash(world.domain, receipt),
    validator: by.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: namedHash('measurements'),
    ...changed.verdict,
  };
  return { verdict, receipt, secret: PLANTED_SECRET };
}

/** The two instructions that show a lazy verdict. */
export function shownLazy(
  world: World,
  shown: {
    readonly finder: Keypair;
    readonly signer: Pick<Keypair, 'publicKey' | 'sign'>;
    readonly lazy: LazyVerdict;
    readonly committed: Committed;
  },
): readonly [TransactionInstruction, TransactionInstruction] {
  const { finder, signer, lazy, committed } = shown;
  return proveLazyVerdict(world.addresses, {
    finder: finder.publicKey,
    ...committed,
    shown: lazy,
    identity: signer.publicKey,
    signature: signer.sign(lazy.message),
  });
}

/** Commits, waits and shows a lazy verdict. */
export async function showLazy(
  world: World,
  finder: Keypair,
  signed: { readonly pass: ReturnType<typeof lazyPass>; readonly by: Member },
): Promise<{ readonly ran: Ran; readonly lazy: LazyVerdict }> {
  const lazy = lazyVerdict(world.domain, signed.pass);
  const committed = await commit(world, finder, lazy.evidence);
  const ran = await world.ledger.send(shownLazy(world, { finder, signer: signed.by.identity, lazy, committed }), [
    finder,
  ]);
  return { ran, lazy };
}

export function sendExecute(
  world: World,
  executed: {
    readonly offender: Uint8Array;
    readonly offenceKey: Uint8Array;
    readonly finder: Uint8Array;
    readonly harmed?: Uint8Array;
  },
): Promise<Ran> {
  return world.ledger.send([executeCase(world.addresses, executed)], [world.operator]);
}

export async function sendAccuse(
  world: World,
  accused: {
    readonly epoch: bigint;
    readonly fault: number;
    readonly validator: Member;
    /** Of the report that is false; that which won, unless told. */
    readonly reportHash?: Uint8Array;
  },
): Promise<Ran> {
  const { epoch, fault, validator, reportHash = (await readEpoch(world, epoch)).reportHash } = accused;
  const offenceKey = falseVoteKey(epoch);
  return world.ledger.send(
    [
      accuseVoter(world.addresses, {
        payer: world.operator.publicKey,
        epoch,
        reportHash,
        fault,
        validator: validator.address,
        offenceKey,
      }),
    ],
    [world.operator],
  );
}
