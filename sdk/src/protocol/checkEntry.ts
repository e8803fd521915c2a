import { type Candidate, checkChainPreimage, drawSeed, drawWorkers, REPLICAS } from './assignment.ts';
import { compareBytes, equalBytes, toHex } from './bytes.ts';
import { type Entry, entryHashOf, evidenceHashOf, type RevealedReceipt } from './entry.ts';
import type { Hash } from './hash.ts';
import type { Domain, HeaderCodec } from './header.ts';
import type { EngineClassId, EscrowAddress, ModelId, Participant } from './ids.ts';
import { priceLamports, unitPriceOf } from './karma.ts';
import { sealValueOf } from './output.ts';
import { type Answer, decideQuorum, QUORUM } from './quorum.ts';
import {
  dispatchRecord,
  outcomeRecord,
  type Receipt,
  receiptBodyHash,
  receiptRecord,
  refusalRecord,
  sealRecord,
  sealsHashOf,
  ticketRecord,
  timeoutRecord,
} from './records.ts';
import { checkRecord, type Identity, type Signed, type VerifySignature } from './signature.ts';

/** What somebody who judges an entry knows of the cluster. A lookup answers undefined for what it has not seen. */
export interface EntryContext {
  readonly domain: Domain;
  readonly verify?: VerifySignature;
  /** V-01: the epoch of a slot. */
  readonly epochOf: (slot: bigint) => bigint | undefined;
  /** The identity that signs for a gateway in an epoch. */
  readonly gatewayIdentity: (gateway: Participant, epoch: bigint) => Identity | undefined;
  /** `memo` spares the hashes of a chain that was gone through before; one map for each gateway and epoch. */
  readonly chain: (
    gateway: Participant,
    epoch: bigint,
  ) => { readonly commitment: Hash; readonly length: number; readonly memo?: Map<bigint, Hash> } | undefined;
  readonly slotHash: (slot: bigint) => Hash | undefined;
  readonly candidates: (key: {
    readonly epoch: bigint;
    readonly engineClass: EngineClassId;
    readonly modelId: ModelId;
  }) => readonly Candidate[] | undefined;
  /** The gateway that an escrow pays through. */
  readonly escrowGateway: (escrow: EscrowAddress) => Participant | undefined;
  readonly model: (modelId: ModelId) => { readonly activeParameters: bigint } | undefined;
  /** M-01, lamports per 1,000 output tokens and million active parameters, of an entry dispatched in the epoch. */
  readonly listPrice: (epoch: bigint) => bigint;
  /** E-12: how far a worker's and a gateway's clock may differ, in milliseconds. */
  readonly clockToleranceMs: bigint;
}

/** `ignore`: the judge lacks knowledge, nobody is at fault. `reject`: the entry is false, whoever sent it should have known. */
export type EntryVerdict =
  | { readonly verdict: 'accept'; readonly epoch: bigint; readonly entry: CheckedEntry }
  | {
      readonly verdict: 'ignore' | 'reject';
      readonly rule: string;
      readonly facts: Readonly<Record<string, string | number | bigint>>;
    };

/** An entry that holds, with what the check found. */
export interface CheckedEntry {
  readonly entry: Entry;
  /** E-02, so that nobody hashes it again. */
  readonly entryHash: Hash;
  readonly epoch: bigint;
  readonly drawn: readonly Candidate[];
  /** The receipts that agree, in the order of the draw; none if the outcome is `none`. */
  readonly agreeing: readonly RevealedReceipt[];
  readonly activeParameters: bigint;
}

type Fault = Extract<EntryVerdict, { verdict: 'ignore' | 'reject' }>;

function fault(verdict: 'ignore' | 'reject', rule: string, facts: Fault['facts'] = {}): Fault {
  return { verdict, rule, facts };
}

/** E-24: the greatest price cap of a ticket, 2^43 lamports, so that no sum over a set of 2^20 entries leaves 64 bits. */
export const MAX_PRICE_LAMPORTS = 1n << 43n;

/** E-10 to E-24: judges one entry by itself. What needs the whole set is `checkSet`. Whoever knows its hash (E-02) spares making it. */
export function checkEntry(context: EntryContext, entry: Entry, known?: { readonly entryHash: Hash }): EntryVerdict {
  const ticket = entry.ticket.value;
  const dispatch = entry.dispatch.value;
  const epoch = context.epochOf(dispatch.slot);
  // E-10
  if (epoch === undefined) return fault('reject', 'E-10', { slot: dispatch.slot });
  const gateway = context.gatewayIdentity(ticket.gateway, epoch);
  if (gateway === undefined) return fault('ignore', 'E-11', { gateway: toHex(ticket.gateway) });
  const { domain, verify } = context;
  const signedBy = <T>(record: HeaderCodec<T>, signed: Signed<T>, identity: Identity): boolean =>
    checkRecord(record, { domain, identity, ...(verify === undefined ? {} : { verify }) }, signed);
  // E-11
  if (!signedBy(ticketRecord, entry.ticket, gateway)) return fault('reject', 'E-11', { record: 'ticket' });
  if (!signedBy(dispatchRecord, entry.dispatch, gateway)) return fault('reject', 'E-11', { record: 'dispatch' });
  if (!signedBy(outcomeRecord, entry.outcome, gateway)) return fault('reject', 'E-11', { record: 'outcome' });
  // E-12
  const ticketHash = ticketRecord.hash(domain, ticket);
  const dispatchHash = dispatchRecord.hash(domain, dispatch);
  if (!equalBytes(dispatch.ticketHash, ticketHash)) return fault('reject', 'E-12', { field: 'ticketHash' });
  if (!equalBytes(entry.outcome.value.dispatchHash, dispatchHash))
    return fault('reject', 'E-12', { field: 'dispatchHash' });
  if (dispatch.dispatchedAtMs < ticket.issuedAtMs || entry.outcome.value.finishedAtMs < dispatch.dispatchedAtMs) {
    return fault('reject', 'E-12', { field: 'times' });
  }
  // E-24
  if (ticket.priceCap > MAX_PRICE_LAMPORTS) return fault('reject', 'E-24', { priceCap: ticket.priceCap });
  // E-13
  const escrowGateway = context.escrowGateway(ticket.escrow);
  if (escrowGateway === undefined) return fault('ignore', 'E-13', { escrow: toHex(ticket.escrow) });
  if (!equalBytes(escrowGateway, ticket.gateway)) return fault('reject', 'E-13', { escrow: toHex(ticket.escrow) });
  // E-14
  const chain = context.chain(ticket.gateway, epoch);
  if (chain === undefined) return fault('ignore', 'E-14', { gateway: toHex(ticket.gateway), epoch });
  if (!checkChainPreimage({ ...chain, preimage: dispatch.preimage, dispatchNumber: dispatch.dispatchNumber })) {
    return fault('reject', 'E-14', { dispatchNumber: dispatch.dispatchNumber });
  }
  // E-15
  const slotHash = context.slotHash(dispatch.slot);
  if (slotHash === undefined) return fault('ignore', 'E-15', { slot: dispatch.slot });
  const { modelId, engineClass } = dispatch;
  const candidates = context.candidates({ epoch, engineClass, modelId });
  const model = context.model(modelId);
  if (candidates === undefined || model === undefined) return fault('ignore', 'E-16', { modelId: toHex(modelId) });
  const seed = drawSeed({ slotHash, preimage: dispatch.preimage, dispatchNumber: dispatch.dispatchNumber });
  const drawn = drawWorkers({ seed, candidates });
  const workersFault = checkWorkers({ entry, drawn, signedBy, dispatchHash, gateway });
  if (workersFault !== undefined) return workersFault;
  for (const revealed of entry.evidence.receipts) {
    const receiptFault = checkReceipt({ context, entry, epoch, revealed });
    if (receiptFault !== undefined) return receiptFault;
  }
  const agreeing = agreeingReceipts(entry);
  const outcomeFault = checkOutcome({ context, entry, epoch, agreeing, activeParameters: model.activeParameters });
  if (outcomeFault !== undefined) return outcomeFault;
  return {
    verdict: 'accept',
    epoch,
    entry: {
      entry,
      entryHash: known?.entryHash ?? entryHashOf(entry),
      epoch,
      drawn,
      agreeing,
      activeParameters: model.activeParameters,
    },
  };
}

/** What `decideQuorum` sees of a revealed receipt. */
export function answerOf({ receipt, body }: RevealedReceipt): Answer {
  return { worker: receipt.value.worker, outputHash: receipt.value.outputHash, traceRoot: body.traceRoot };
}

/** the receipts of an entry that agree, in the order of the draw; none without a quorum. */
export function agreeingReceipts({ evidence }: Pick<Entry, 'evidence'>): readonly RevealedReceipt[] {
  const decision = decideQuorum(evidence.receipts.map(answerOf));
  if (decision.kind === 'none') return [];
  return evidence.receipts.filter(
    ({ receipt, body }) =>
      equalBytes(receipt.value.outputHash, decision.outputHash) && equalBytes(body.traceRoot, decision.traceRoot),
  );
}

/** E-16 and E-17: exactly the first workers of the draw stand in the entry, each with a receipt, a refusal or a time-out, in the draw's order. */
function checkWorkers(options: {
  readonly entry: Entry;
  readonly drawn: readonly Candidate[];
  readonly dispatchHash: Hash;
  readonly gateway: Identity;
  readonly signedBy: <T>(record: HeaderCodec<T>, signed: Signed<T>, identity: Identity) => boolean;
}): Fault | undefined {
  const { entry, drawn, dispatchHash, gateway, signedBy } = options;
  const { seals, receipts, refusals, timeouts } = entry.evidence;
  const order = new Map(drawn.map((candidate, place) => [toHex(candidate.participant), { place, candidate }]));
  const statements = [
    ...receipts.map(({ receipt }) => receipt.value),
    ...refusals.map(({ value }) => value),
    ...timeouts.map(({ value }) => value),
  ];
  for (const statement of [...statements, ...seals.map(({ seal }) => seal.value)]) {
    // E-16
    if (!order.has(toHex(statement.worker))) return fault('reject', 'E-16', { worker: toHex(statement.worker) });
    if (!equalBytes(statement.dispatchHash, dispatchHash))
      return fault('reject', 'E-12', { worker: toHex(statement.worker), field: 'dispatchHash' });
  }
  // E-17: nobody drawn is left out before the last one used, and nobody speaks twice.
  const places = statements.map((statement) => order.get(toHex(statement.worker))?.place ?? -1).sort((a, b) => a - b);
  if (places.length < REPLICAS || places.some((place, i) => place !== i)) {
    return fault('reject', 'E-17', { drawn: drawn.length, statements: places.join(',') });
  }
  // E-16 found every worker in the draw. An empty key would fail each signature.
  const identityOf = (worker: Participant): Identity =>
    order.get(toHex(worker))?.candidate.identity ?? new Uint8Array(0);
  // E-18
  for (const { receipt } of receipts)
    if (!signedBy(receiptRecord, receipt, identityOf(receipt.value.worker)))
      return fault('reject', 'E-18', { record: 'receipt' });
  for (const { seal } of seals)
    if (!signedBy(sealRecord, seal, identityOf(seal.value.worker))) return fault('reject', 'E-18', { record: 'seal' });
  for (const refusal of refusals)
    if (!signedBy(refusalRecord, refusal, identityOf(refusal.value.worker)))
      return fault('reject', 'E-18', { record: 'refusal' });
  for (const timeout of timeouts)
    if (!signedBy(timeoutRecord, timeout, gateway)) return fault('reject', 'E-18', { record: 'timeout' });
  for (const list of [
    receipts.map(({ receipt }) => receipt.value),
    seals.map(({ seal }) => seal.value),
    refusals.map((r) => r.value),
    timeouts.map((t) => t.value),
  ]) {
    const listed = list.map(({ worker }) => order.get(toHex(worker))?.place ?? -1);
    // A seal stands only for somebody who was asked, and so speaks in one of the other lists.
    if (listed.some((place, i) => place >= places.length || (i > 0 && place <= (listed[i - 1] ?? -1))))
      return fault('reject', 'E-17', { places: listed.join(',') });
  }
  return undefined;
}

/** E-19 and E-20: a receipt belongs to this dispatch, repeats what its worker sealed, and was signed after the exchange of seals. */
function checkReceipt(options: {
  readonly context: EntryContext;
  readonly entry: Entry;
  readonly epoch: bigint;
  readonly revealed: RevealedReceipt;
}): Fault | undefined {
  const { context, entry, epoch, revealed } = options;
  const receipt: Receipt = revealed.receipt.value;
  const { body } = revealed;
  const worker = toHex(receipt.worker);
  const dispatch = entry.dispatch.value;
  // E-19
  if (receipt.epoch !== epoch) return fault('reject', 'E-19', { worker, field: 'epoch' });
  if (!equalBytes(receiptBodyHash(body), receipt.bodyHash))
    return fault('reject', 'E-19', { worker, field: 'bodyHash' });
  if (!equalBytes(body.requestId, entry.ticket.value.requestId))
    return fault('reject', 'E-19', { worker, field: 'requestId' });
  if (!equalBytes(body.modelId, dispatch.modelId)) return fault('reject', 'E-19', { worker, field: 'modelId' });
  if (!equalBytes(body.engineClass, dispatch.engineClass))
    return fault('reject', 'E-19', { worker, field: 'engineClass' });
  if (body.finishedAtMs < body.firstTokenAtMs || body.firstTokenAtMs < body.receivedAtMs)
    return fault('reject', 'E-19', { worker, field: 'times' });
  // A gateway halts streams alone (W-22).
  if (body.finishReason === 'halted' && dispatch.assurance !== 'stream')
    return fault('reject', 'E-19', { worker, field: 'finishReason' });
  // E-20
  const arrived = entry.evidence.seals.find(({ seal }) => equalBytes(seal.value.worker, receipt.worker));
  if (arrived === undefined) return fault('reject', 'E-20', { worker, field: 'seal' });
  const expected = sealValueOf(context.domain, {
    requestId: body.requestId,
    worker: receipt.worker,
    outputHash: receipt.outputHash,
    traceRoot: body.traceRoot,
    salt: body.salt,
  });
  if (!equalBytes(arrived.seal.value.seal, expected)) return fault('reject', 'E-20', { worker, field: 'seal' });
  if (!sawSeals(entry, revealed)) return fault('reject', 'E-20', { worker, field: 'sealsHash' });
  // E-21: the gateway's time of arrival and the worker's own time must tell one story.
  if (arrived.arrivedAtMs < dispatch.dispatchedAtMs || arrived.arrivedAtMs > entry.outcome.value.finishedAtMs) {
    return fault('reject', 'E-21', { worker, arrivedAtMs: arrived.arrivedAtMs });
  }
  const elapsed = arrived.arrivedAtMs - dispatch.dispatchedAtMs;
  if (body.finishedAtMs - body.receivedAtMs > elapsed + context.clockToleranceMs)
    return fault('reject', 'E-21', { worker, elapsed });
  return undefined;
}

/**
 * E-20: before it revealed, the worker saw at least two seals, its own among them: those of the first workers in the draw, up to
 * the last that had sealed by then. A worker that was asked after a split sees more of them than the earlier ones did.
 */
function sawSeals(entry: Entry, revealed: RevealedReceipt): boolean {
  const seals = entry.evidence.seals.map(({ seal }) => seal.value);
  const own = seals.findIndex((seal) => equalBytes(seal.worker, revealed.receipt.value.worker));
  for (let count = Math.max(QUORUM, own + 1); count <= seals.length; count++) {
    if (equalBytes(revealed.body.sealsHash, sealsHashOf(seals.slice(0, count)))) return true;
  }
  return false;
}

/** E-22: the outcome is what the receipts decide, at the ticket's price (M-01) and within its cap. */
function checkOutcome(options: {
  readonly context: EntryContext;
  readonly entry: Entry;
  readonly epoch: bigint;
  readonly agreeing: readonly RevealedReceipt[];
  readonly activeParameters: bigint;
}): Fault | undefined {
  const { context, entry, epoch, activeParameters } = options;
  const outcome = entry.outcome.value;
  if (!equalBytes(outcome.evidenceHash, evidenceHashOf(entry.evidence)))
    return fault('reject', 'E-22', { field: 'evidenceHash' });
  const decision = decideQuorum(entry.evidence.receipts.map(answerOf));
  const verdict = decision.kind;
  if (outcome.verdict !== verdict) return fault('reject', 'E-22', { field: 'verdict' });
  if (decision.kind === 'none') {
    if (outcome.price !== 0n || outcome.outputHash.some((byte) => byte !== 0))
      return fault('reject', 'E-22', { field: 'price' });
    return undefined;
  }
  if (compareBytes(outcome.outputHash, decision.outputHash) !== 0)
    return fault('reject', 'E-22', { field: 'outputHash' });
  const [agreed, ...others] = options.agreeing.map(({ receipt, body }) => ({
    ...receipt.value,
    finishReason: body.finishReason,
  }));
  if (agreed === undefined) return fault('reject', 'E-22', { field: 'receipts' });
  // E-23: the output hash covers the counts, so whoever states others lies about them. Its gateway saw the tokens and records a bad reveal.
  const liar = others.find(
    (other) =>
      other.promptTokens !== agreed.promptTokens ||
      other.outputTokens !== agreed.outputTokens ||
      other.finishReason !== agreed.finishReason,
  );
  if (liar !== undefined) return fault('reject', 'E-23', { worker: toHex(liar.worker) });
  const price = priceLamports({
    unitPrice: unitPriceOf(entry.ticket.value, context.listPrice(epoch)),
    activeParameters,
    promptTokens: agreed.promptTokens,
    outputTokens: agreed.outputTokens,
  });
  const capped = price < entry.ticket.value.priceCap ? price : entry.ticket.value.priceCap;
  if (outcome.price !== capped)
    return fault('reject', 'E-22', { field: 'price', price: outcome.price, expected: capped });
  return undefined;
}
