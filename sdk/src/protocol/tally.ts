import { KarmeshError } from '../errors.ts';
import { auditedReceipt, auditRateOf, drawAuditors, isAudited, type StakedValidator } from './audit.ts';
import { auditCredits } from './auditCredits.ts';
import { compareBytes, toHex } from './bytes.ts';
import type { CheckedEntry } from './checkEntry.ts';
import { type CreditCollector, type CreditList, creditCollector, type ReceiptCredit } from './creditList.ts';
import type { RevealedReceipt } from './entry.ts';
import type { Hash } from './hash.ts';
import type { Domain } from './header.ts';
import type { EscrowAddress, Participant } from './ids.ts';
import { addKarma, inferenceKarma, type KarmaVector, latencyAdjusted, redundancyKarma, ZERO_KARMA } from './karma.ts';
import { auditRates, type ChainParameters, type OffchainParameters } from './parameters.ts';
import { outcomeRecord, receiptRecord, type Verdict, verdictRecord } from './records.ts';
import { atOnce, type Steps } from './steps.ts';

/** What one participant has earned in all finalised epochs: micro-karma and lamports. They only grow. */
export interface Lifetime {
  readonly index: number;
  readonly participant: Participant;
  readonly karma: KarmaVector;
  readonly owed: bigint;
}

/** What a tally starts from and leaves behind: a function of all closed sets, beacons and verdicts up to here. */
export interface LedgerState {
  readonly root: Hash;
  readonly lifetimes: readonly Lifetime[];
  readonly escrowDebits: readonly { readonly escrow: EscrowAddress; readonly cumulativeDebit: bigint }[];
  /** Entries that were drawn and got no verdict yet, sorted by hash. */
  readonly carried: readonly CarriedEntry[];
}

/** An entry that was drawn and got no verdict yet. */
export interface CarriedEntry {
  readonly entryHash: Hash;
  /** The epoch in whose set it stands, and the beacon that drew it: which receipt is audited and which token is challenged follow from it for good (U-07). */
  readonly drawnEpoch: bigint;
  readonly beacon: Hash;
}

/** What one escrow pays for an epoch, in lamports (P-19). */
export interface Settlement {
  readonly escrow: EscrowAddress;
  readonly cumulativeAfter: bigint;
  readonly debit: bigint;
}

/** U-07: what the audits decided of one entry. */
export type AuditDecision = 'not-drawn' | 'passed' | 'failed' | 'carried';

export interface TallyInput {
  readonly domain: Domain;
  readonly epoch: bigint;
  readonly chain: ChainParameters;
  readonly offchain: OffchainParameters;
  readonly prior: LedgerState;
  /** The closed set and, after it, the entries that the prior state carried; checked by E-10 to E-36. */
  readonly entries: readonly CheckedEntry[];
  readonly carried: readonly CheckedEntry[];
  /** The manifest's table: what each escrow could pay at close. */
  readonly escrows: readonly {
    readonly escrow: EscrowAddress;
    readonly available: bigint;
    readonly cumulativeDebit: bigint;
  }[];
  readonly beacon: Hash;
  /** The posted verdicts, each signed by the validator it names; others than the drawn auditors' count for nothing. */
  readonly verdicts: readonly Verdict[];
  readonly validators: readonly StakedValidator[];
  /** Registration index of a participant; it never changes. */
  readonly indexOf: (participant: Participant) => number;
}

export interface TallyResult {
  /** The next state, without its root (`buildReport` computes that). */
  readonly lifetimes: readonly Lifetime[];
  readonly escrowDebits: LedgerState['escrowDebits'];
  readonly carried: readonly CarriedEntry[];
  /** T-04: by hex address of the participant, sorted by entry, then record; all that any lifetime grew by. */
  readonly credits: ReadonlyMap<string, CreditList>;
  readonly settlements: readonly Settlement[];
  readonly decisions: ReadonlyMap<string, AuditDecision>;
}

/** U-07: the words that count on one entry: those of the auditors whom this epoch's beacon drew, on the receipt that its first beacon drew. */
interface AuditWords {
  readonly decision: AuditDecision;
  /** The verdicts that the decision needed; each earns its auditor (K-05, M-06). */
  readonly counted: readonly Verdict[];
}

/** U-07: an entry passes unless it is drawn; drawn, it needs the first auditor's word, and a failing word needs the second's. Carried entries are always drawn. */
export function decideAudit(
  input: Pick<TallyInput, 'epoch' | 'beacon' | 'offchain' | 'verdicts' | 'validators' | 'domain'>,
  options: { readonly checked: CheckedEntry; readonly isCarried: boolean; readonly drawnBy?: Hash },
): AuditDecision {
  return auditWords(input, { ...options, verdicts: input.verdicts }).decision;
}

function auditWords(
  input: Pick<TallyInput, 'epoch' | 'beacon' | 'offchain' | 'validators' | 'domain'>,
  options: {
    readonly checked: CheckedEntry;
    readonly isCarried: boolean;
    /** The beacon that drew a carried entry first. */
    readonly drawnBy?: Hash | undefined;
    readonly verdicts: readonly Verdict[];
  },
): AuditWords {
  const { checked, isCarried, drawnBy = input.beacon } = options;
  const { entryHash } = checked;
  const count = checked.agreeing.length;
  const ratePer10000 = auditRateOf(auditRates(input.offchain), checked.entry);
  const isDrawn = count > 0 && (isCarried || isAudited({ beacon: input.beacon, entryHash, ratePer10000 }));
  const drawn = isDrawn ? checked.agreeing[auditedReceipt({ beacon: drawnBy, entryHash, count })] : undefined;
  if (drawn === undefined) return { decision: 'not-drawn', counted: [] };
  const [first, second] = drawAuditors({ beacon: input.beacon, entryHash, validators: input.validators });
  const receiptHash = receiptRecord.hash(input.domain, drawn.receipt.value);
  const hashOfVerdict = (verdict: Verdict): Hash => verdictRecord.hash(input.domain, verdict);
  const wordOf = (auditor: StakedValidator | undefined, attempt: number): Verdict | undefined => {
    const words = options.verdicts.filter(
      (verdict) =>
        auditor !== undefined &&
        verdict.epoch === input.epoch &&
        verdict.attempt === attempt &&
        compareBytes(verdict.entryHash, entryHash) === 0 &&
        compareBytes(verdict.receiptHash, receiptHash) === 0 &&
        compareBytes(verdict.validator, auditor.participant) === 0,
    );
    // An auditor that says both is heard as failing, and of several alike the least hash counts, so that the order of the verdicts
    // decides nothing.
    const failing = words.filter(({ verdict }) => verdict === 'fail');
    const heard = failing.length > 0 ? failing : words;
    return heard.toSorted((a, b) => compareBytes(hashOfVerdict(a), hashOfVerdict(b)))[0];
  };
  const firstWord = wordOf(first, 0);
  if (firstWord === undefined) return { decision: 'carried', counted: [] };
  if (firstWord.verdict === 'pass') return { decision: 'passed', counted: [firstWord] };
  const secondWord = wordOf(second, 1);
  if (secondWord === undefined) return { decision: 'carried', counted: [firstWord] };
  return { decision: secondWord.verdict === 'fail' ? 'failed' : 'passed', counted: [firstWord, secondWord] };
}

/**
 * K-07: what each agreeing receipt of an entry earns. Inference karma follows the work and is moved by latency; the redundancy
 * half comes on top unless the assurance was `stream`; all of it together is at most kappa x the fee part of the price. Who earns
 * nothing is left out.
 */
export function creditsOf(
  input: Pick<TallyInput, 'chain' | 'offchain' | 'domain'>,
  checked: CheckedEntry,
): readonly { readonly worker: Participant; readonly credit: ReceiptCredit }[] {
  const { entry, entryHash, agreeing, activeParameters } = checked;
  const price = entry.outcome.value.price;
  const raw = agreeing.map((revealed) => {
    const receipt = revealed.receipt.value;
    const earned = latencyAdjusted(
      inferenceKarma({ activeParameters, promptTokens: receipt.promptTokens, outputTokens: receipt.outputTokens }),
      {
        elapsedMs: elapsedMs(checked, revealed),
        targetMs: input.offchain.latencyBaseMs + input.offchain.latencyPerTokenMs * BigInt(receipt.outputTokens),
      },
    );
    return {
      inference: earned,
      redundancy: entry.dispatch.value.assurance === 'stream' ? 0n : redundancyKarma(earned),
    };
  });
  const total = raw.reduce((sum, { inference, redundancy }) => sum + inference + redundancy, 0n);
  const cap = input.chain.kappaMicroKarmaPerLamport * ((price * input.chain.feeShareBps) / 10_000n);
  const capped = (karma: bigint): bigint => (total <= cap ? karma : (karma * cap) / total);
  // M-04
  const owed = agreeing.length === 0 ? 0n : (price * input.chain.workerShareBps) / 10_000n / BigInt(agreeing.length);
  return agreeing
    .map((revealed, i) => ({
      worker: revealed.receipt.value.worker,
      credit: {
        entryHash,
        receiptHash: receiptRecord.hash(input.domain, revealed.receipt.value),
        karma: [capped(raw[i]?.inference ?? 0n), 0n, 0n, capped(raw[i]?.redundancy ?? 0n), 0n] as const,
        owed,
      },
    }))
    .filter(({ credit }) => credit.owed > 0n || credit.karma.some((part) => part > 0n));
}

/** M-05: what a paid entry owes its gateway, for the outcome that it signed; undefined if that is nothing. */
export function gatewayCreditOf(
  input: Pick<TallyInput, 'chain' | 'domain'>,
  { entry, entryHash }: Pick<CheckedEntry, 'entry' | 'entryHash'>,
): ReceiptCredit | undefined {
  const outcome = entry.outcome.value;
  const owed = (outcome.price * input.chain.gatewayShareBps) / 10_000n;
  if (owed === 0n) return undefined;
  const receiptHash = outcomeRecord.hash(input.domain, outcome);
  return { entryHash, receiptHash, karma: ZERO_KARMA, owed };
}

/** K-03: from dispatch to seal, countersigned: the greater of the gateway's and the worker's own time. */
function elapsedMs(checked: CheckedEntry, revealed: RevealedReceipt): bigint {
  const arrived = checked.entry.evidence.seals.find(
    ({ seal }) => compareBytes(seal.value.worker, revealed.receipt.value.worker) === 0,
  );
  const byGateway = (arrived?.arrivedAtMs ?? 0n) - checked.entry.dispatch.value.dispatchedAtMs;
  const byWorker = revealed.body.finishedAtMs - revealed.body.receivedAtMs;
  return byGateway > byWorker ? byGateway : byWorker;
}

/** What an entry's place in dispatch order follows from. */
export interface DispatchPlace {
  readonly gateway: Participant;
  readonly epoch: bigint;
  readonly dispatchNumber: bigint;
}

export function dispatchPlaceOf({ entry, epoch }: Pick<CheckedEntry, 'entry' | 'epoch'>): DispatchPlace {
  return { gateway: entry.ticket.value.gateway, epoch, dispatchNumber: entry.dispatch.value.dispatchNumber };
}

/** Dispatch order: by gateway, epoch and number (M-03). */
export function compareDispatchPlaces(a: DispatchPlace, b: DispatchPlace): number {
  const gateways = compareBytes(a.gateway, b.gateway);
  if (gateways !== 0) return gateways;
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.dispatchNumber < b.dispatchNumber ? -1 : a.dispatchNumber > b.dispatchNumber ? 1 : 0;
}

/**
 * V-20: the tally of an epoch, a pure function of prior state, closed set, beacon and posted verdicts. Entries count in dispatch
 * order up to what their escrow held at close (M-03); a failed or uncovered entry earns nothing and costs nothing; a carried
 * one waits. A paid entry also owes its gateway (M-05), and verdicts that were needed earn their auditors (K-05, M-06).
 */
export function tally(input: TallyInput): TallyResult {
  const running = startTally(input);
  const all = [
    ...input.entries.map((checked) => ({ checked, isCarried: false })),
    ...input.carried.map((checked) => ({ checked, isCarried: true })),
  ];
  const carriedKeys = new Set(input.carried.map(({ entryHash }) => toHex(entryHash)));
  all.sort((a, b) => compareDispatchPlaces(dispatchPlaceOf(a.checked), dispatchPlaceOf(b.checked)));
  for (const { checked, isCarried } of all)
    running.add(checked, { isCarried: isCarried || carriedKeys.has(toHex(checked.entryHash)) });
  return atOnce(running.result());
}

/** A tally whose entries come one after the other, so that nobody has to hold them all. */
export interface RunningTally {
  /** In dispatch order (`compareDispatchPlaces`); throws `BAD_ARGUMENT` for one that comes too late. */
  add(checked: CheckedEntry, as: { readonly isCarried: boolean }): void;
  /** Once, after the last entry. */
  result(): Steps<TallyResult>;
}

export function startTally(input: Omit<TallyInput, 'entries' | 'carried'>): RunningTally {
  const debitsBefore = new Map(input.prior.escrowDebits.map((row) => [toHex(row.escrow), row.cumulativeDebit]));
  const budgets = new Map<string, bigint>();
  for (const row of input.escrows) {
    const key = toHex(row.escrow);
    const decided = debitsBefore.get(key) ?? 0n;
    // What earlier epochs have decided but not yet settled when the set closed is no longer there to spend. What settled for an
    // epoch that never became final is gone too: the chain's counter leads, or no later settlement would fit it (P-19).
    const unsettled = decided > row.cumulativeDebit ? decided - row.cumulativeDebit : 0n;
    if (decided < row.cumulativeDebit) debitsBefore.set(key, row.cumulativeDebit);
    budgets.set(key, row.available > unsettled ? row.available - unsettled : 0n);
  }
  const spent = new Map<string, { readonly escrow: EscrowAddress; debit: bigint }>();
  const earned = new Map<string, Earned>();
  const carried: CarriedEntry[] = [];
  const drawnBefore = new Map(input.prior.carried.map((row) => [toHex(row.entryHash), row]));
  const decisions = new Map<string, AuditDecision>();
  const counted: Verdict[] = [];
  const verdictsByEntry = Map.groupBy(input.verdicts, ({ entryHash }) => toHex(entryHash));
  let last: DispatchPlace | undefined;

  function add(checked: CheckedEntry, { isCarried }: { readonly isCarried: boolean }): void {
    const place = dispatchPlaceOf(checked);
    if (last !== undefined && compareDispatchPlaces(last, place) > 0) {
      throw new KarmeshError('BAD_ARGUMENT', 'An entry came to the tally after later ones of its gateway.', {
        dispatchNumber: place.dispatchNumber,
      });
    }
    last = place;
    const { entryHash } = checked;
    const key = toHex(entryHash);
    const { escrow } = checked.entry.ticket.value;
    const payer = toHex(escrow);
    // M-03: a carried entry whose escrow the manifest does not list (its balance is unknown) waits for one that does.
    const listed = !isCarried || budgets.has(payer);
    const drawn = drawnBefore.get(key);
    const words = auditWords(input, {
      checked,
      isCarried,
      drawnBy: drawn?.beacon,
      verdicts: verdictsByEntry.get(key) ?? [],
    });
    const decision = listed ? words.decision : 'carried';
    counted.push(...words.counted);
    decisions.set(key, decision);
    if (decision === 'carried') carried.push(drawn ?? { entryHash, drawnEpoch: input.epoch, beacon: input.beacon });
    if (decision === 'carried' || decision === 'failed' || checked.agreeing.length === 0) return;
    const { price } = checked.entry.outcome.value;
    const budget = budgets.get(payer) ?? 0n;
    if (price > budget) return;
    budgets.set(payer, budget - price);
    const row = spent.get(payer) ?? { escrow, debit: 0n };
    row.debit += price;
    spent.set(payer, row);
    for (const { worker, credit } of creditsOf(input, checked)) earn(earned, worker, credit);
    const gatewayCredit = gatewayCreditOf(input, checked);
    if (gatewayCredit !== undefined) earn(earned, checked.entry.ticket.value.gateway, gatewayCredit);
  }

  function* result(): Steps<TallyResult> {
    const settlements = [...spent.values()]
      .filter(({ debit }) => debit > 0n)
      .sort((a, b) => compareBytes(a.escrow, b.escrow))
      .map(({ escrow, debit }) => ({
        escrow,
        debit,
        cumulativeAfter: (debitsBefore.get(toHex(escrow)) ?? 0n) + debit,
      }));
    const settled = settlements.reduce((sum, { debit }) => sum + debit, 0n);
    for (const { participant, credit } of auditCredits(input, { counted, settled })) earn(earned, participant, credit);
    const credits = new Map<string, CreditList>();
    for (const [key, row] of earned) {
      credits.set(key, row.credits.sorted());
      yield;
    }
    return {
      lifetimes: grow(input, earned),
      escrowDebits: escrowDebits(input, settlements),
      carried: carried.sort((a, b) => compareBytes(a.entryHash, b.entryHash)),
      credits,
      settlements,
      decisions,
    };
  }
  return { add, result };
}

/** What one participant's records earned so far. */
interface Earned {
  readonly participant: Participant;
  readonly credits: CreditCollector;
  karma: KarmaVector;
  owed: bigint;
}

function earn(earned: Map<string, Earned>, participant: Participant, credit: ReceiptCredit): void {
  const key = toHex(participant);
  const row = earned.get(key) ?? { participant, credits: creditCollector(), karma: ZERO_KARMA, owed: 0n };
  row.credits.add(credit);
  row.karma = addKarma(row.karma, credit.karma);
  row.owed += credit.owed;
  earned.set(key, row);
}

/** T-01, T-04: lifetimes are the prior ones plus the sums of this epoch's credits; who never earned has none (T-03). */
function grow(input: Pick<TallyInput, 'prior' | 'indexOf'>, earned: ReadonlyMap<string, Earned>): readonly Lifetime[] {
  const lifetimes = new Map(input.prior.lifetimes.map((lifetime) => [toHex(lifetime.participant), lifetime]));
  for (const [key, { participant, karma, owed }] of earned) {
    const before = lifetimes.get(key) ?? {
      index: input.indexOf(participant),
      participant,
      karma: ZERO_KARMA,
      owed: 0n,
    };
    lifetimes.set(key, { ...before, karma: addKarma(before.karma, karma), owed: before.owed + owed });
  }
  return [...lifetimes.values()].sort((a, b) => a.index - b.index);
}

function escrowDebits(
  input: Pick<TallyInput, 'prior'>,
  settlements: readonly Settlement[],
): LedgerState['escrowDebits'] {
  const rows = new Map(input.prior.escrowDebits.map((row) => [toHex(row.escrow), row]));
  for (const { escrow, cumulativeAfter } of settlements)
    rows.set(toHex(escrow), { escrow, cumulativeDebit: cumulativeAfter });
  return [...rows.values()].sort((a, b) => compareBytes(a.escrow, b.escrow));
}
