import {
  type CheckedEntry,
  type Domain,
  equalBytes,
  exclusionKeys,
  exclusionSet,
  type Identity,
  type Participant,
  type Receipt,
  receiptRecord,
  type Signed,
  setEntryReader,
  type Ticket,
  ticketRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { inTurns, READ_IN_A_TURN } from '../inTurns.ts';
import type { SignedPair } from './finding.ts';

/** Pairs of one set: each is evidence by itself, and one key's second offence adds little. */
const MAX_PAIRS = 64;

type Signer = (participant: Participant, epoch: bigint) => Identity | undefined;

/**
 * E-33, E-34: the tickets and receipts among entries of which two have one number and differ. Reads the entries once to see which
 * numbers come twice, and again only if some do, so that a set of a million receipts takes no more memory than its numbers.
 *
 * @throws KarmeshError `STORE_FAILED` and whatever `signal` aborts with.
 */
export async function pairsSignedTwice(
  parts: { readonly domain: Domain; readonly gatewayIdentity: Signer; readonly workerIdentity: Signer },
  set: { readonly epoch: bigint; readonly entries: () => Iterable<CheckedEntry> },
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly SignedPair[]> {
  const { domain } = parts;
  const setEntryOf = setEntryReader();
  const once = exclusionSet();
  const twice = exclusionSet();
  let isAny = false;
  for await (const checked of inTurns(set.entries(), { every: READ_IN_A_TURN, signal })) {
    const keys = exclusionKeys(setEntryOf(checked));
    const repeated = keys.filter(once.has);
    isAny ||= repeated.length > 0;
    twice.add(repeated);
    once.add(keys);
  }
  if (!isAny) return [];
  const tickets = new Map<string, Signed<Ticket>>();
  const receipts = new Map<string, Signed<Receipt>>();
  const pairs = new Map<string, SignedPair>();
  const keep = (key: string, pair: SignedPair | undefined): void => {
    if (pair !== undefined && pairs.size < MAX_PAIRS) pairs.set(key, pair);
  };
  for await (const checked of inTurns(set.entries(), { every: READ_IN_A_TURN, signal })) {
    if (!exclusionKeys(setEntryOf(checked)).some(twice.has)) continue;
    const { ticket } = checked.entry;
    const { gateway, ticketNumber } = ticket.value;
    const ticketKey = `ticket ${toHex(gateway)} ${ticketNumber}`;
    const otherTicket = tickets.get(ticketKey);
    tickets.set(ticketKey, otherTicket ?? ticket);
    if (otherTicket !== undefined && differ(ticketRecord.hash, domain, [otherTicket, ticket]))
      keep(ticketKey, ticketPair(parts, [otherTicket, ticket], checked.epoch));
    for (const { receipt } of checked.entry.evidence.receipts) {
      const { worker, epoch, counter } = receipt.value;
      const key = `receipt ${toHex(worker)} ${epoch} ${counter}`;
      const other = receipts.get(key);
      receipts.set(key, other ?? receipt);
      if (other !== undefined && differ(receiptRecord.hash, domain, [other, receipt]))
        keep(key, receiptPair(parts, [other, receipt]));
    }
  }
  return [...pairs.values()];
}

function differ<T>(
  hashOf: (domain: Domain, value: T) => Uint8Array,
  domain: Domain,
  [first, second]: readonly [Signed<T>, Signed<T>],
): boolean {
  return !equalBytes(hashOf(domain, first.value), hashOf(domain, second.value));
}

function ticketPair(
  { gatewayIdentity }: { readonly gatewayIdentity: Signer },
  [first, second]: readonly [Signed<Ticket>, Signed<Ticket>],
  epoch: bigint,
): SignedPair | undefined {
  const identity = gatewayIdentity(first.value.gateway, epoch);
  return identity === undefined
    ? undefined
    : {
        twice: { name: 'ticket', first: first.value, second: second.value },
        signatures: [first.signature, second.signature],
        identity,
        epoch,
      };
}

function receiptPair(
  { workerIdentity }: { readonly workerIdentity: Signer },
  [first, second]: readonly [Signed<Receipt>, Signed<Receipt>],
): SignedPair | undefined {
  const { worker, epoch } = first.value;
  const identity = workerIdentity(worker, epoch);
  return identity === undefined
    ? undefined
    : {
        twice: { name: 'receipt', first: first.value, second: second.value },
        signatures: [first.signature, second.signature],
        identity,
        epoch,
      };
}
