import { KarmeshError } from '../errors.ts';
import { concatBytes, u32le, u64le } from './bytes.ts';
import type { ClaimPath } from './claimsTree.ts';
import { encode } from './codec.ts';
import type { ReceiptCredit } from './creditList.ts';
import { type Hash, hash } from './hash.ts';
import { type Domain, type HeaderCodec, KIND } from './header.ts';
import type { SumNode, SumPath } from './merkle.ts';
import {
  type Batch,
  batchRecord,
  type Receipt,
  receiptRecord,
  type Ticket,
  ticketRecord,
  type Verdict,
  verdictRecord,
} from './records.ts';
import { type Report, reportCodec } from './report.ts';
import type { Lifetime } from './tally.ts';

// What shows an offence or a false report on chain (docs/protocol.md, Evidence).

/** What a case is about (P-42). */
export const OFFENCE = { doubleSign: 1, falseVote: 2, lazyVerdict: 3, silence: 4 } as const;

/** P-41: a finding is older than this when its evidence is shown. */
export const FINDING_SLOTS = 32n;

/** P-41: what a finder commits to before it shows its evidence. */
export function findingCommitment(
  domain: Domain,
  finding: { readonly finder: Uint8Array; readonly evidence: Uint8Array; readonly salt: Uint8Array },
): Hash {
  return hash(domain, new Uint8Array([KIND.finding]), finding.finder, hash(finding.evidence), finding.salt);
}

/** P-42: `H("karmesh:offence" || kind || parts)`. */
function offenceKey(kind: number, ...parts: readonly Uint8Array[]): Hash {
  return hash(new TextEncoder().encode('karmesh:offence'), new Uint8Array([kind]), ...parts);
}

/** P-47. */
export function falseVoteKey(epoch: bigint): Hash {
  return offenceKey(OFFENCE.falseVote, u64le(epoch));
}

/** P-48: of the attestation of a set with a bad signature. */
export function falseAttestationKey(epoch: bigint): Hash {
  return offenceKey(OFFENCE.falseVote, u64le(epoch), new Uint8Array([1]));
}

/** P-50. */
export function silenceKey(epoch: bigint): Hash {
  return offenceKey(OFFENCE.silence, u64le(epoch));
}

/** Two records that no honest participant signs both (P-44). */
export type SignedTwice =
  | { readonly name: 'receipt'; readonly first: Receipt; readonly second: Receipt }
  | { readonly name: 'verdict'; readonly first: Verdict; readonly second: Verdict }
  | { readonly name: 'ticket'; readonly first: Ticket; readonly second: Ticket }
  | { readonly name: 'batch'; readonly first: Batch; readonly second: Batch };

/** What `prove_double_sign` takes. */
export interface DoubleSign {
  readonly kind: number;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  readonly offender: Uint8Array;
  readonly offenceKey: Hash;
  /** What was signed: the hashes of the two headers. */
  readonly messages: readonly [Hash, Hash];
  /** What the finder commits to (P-41). */
  readonly evidence: Uint8Array;
}

/** P-44: the evidence that two records are. Whether they are an offence is for the program to say. */
export function doubleSign(domain: Domain, twice: SignedTwice): DoubleSign {
  const made = <T>(
    record: HeaderCodec<T>,
    records: readonly [T, T],
    named: { of: Uint8Array; key: readonly Uint8Array[] },
  ) => {
    const [first, second] = [encode(record.fields, records[0]), encode(record.fields, records[1])];
    const kind = new Uint8Array([record.kind]);
    return {
      kind: record.kind,
      first,
      second,
      offender: named.of,
      offenceKey: offenceKey(OFFENCE.doubleSign, kind, ...named.key),
      messages: [record.hash(domain, records[0]), record.hash(domain, records[1])] as const,
      evidence: concatBytes(kind, first, second),
    };
  };
  switch (twice.name) {
    case 'receipt': {
      const { worker, epoch, counter } = twice.first;
      const key = [worker, u64le(epoch), u64le(counter)];
      return made(receiptRecord, [twice.first, twice.second], { of: worker, key });
    }
    case 'verdict': {
      const { epoch, entryHash, validator, attempt } = twice.first;
      const key = [u64le(epoch), entryHash, validator, new Uint8Array([attempt])];
      return made(verdictRecord, [twice.first, twice.second], { of: validator, key });
    }
    case 'ticket': {
      const { gateway, ticketNumber } = twice.first;
      return made(ticketRecord, [twice.first, twice.second], { of: gateway, key: [gateway, u64le(ticketNumber)] });
    }
    case 'batch': {
      const { producer, sequence } = twice.first;
      return made(batchRecord, [twice.first, twice.second], { of: producer, key: [producer, u64le(sequence)] });
    }
  }
}

/** What `prove_lazy_verdict` takes. */
export interface LazyVerdict {
  readonly verdict: Uint8Array;
  readonly receipt: Uint8Array;
  readonly secret: Uint8Array;
  readonly offender: Uint8Array;
  readonly offenceKey: Hash;
  /** What was signed: the hash of the verdict. */
  readonly message: Hash;
  /** What the finder commits to (P-41). */
  readonly evidence: Uint8Array;
}

/** P-52: the evidence that a verdict passes a planted answer: `secret` is what the receipt's output hash was made of. Whether it is an offence is for the program to say. */
export function lazyVerdict(
  domain: Domain,
  shown: { readonly verdict: Verdict; readonly receipt: Receipt; readonly secret: Uint8Array },
): LazyVerdict {
  const { secret } = shown;
  const { epoch, entryHash, validator, attempt } = shown.verdict;
  const verdict = encode(verdictRecord.fields, shown.verdict);
  const receipt = encode(receiptRecord.fields, shown.receipt);
  return {
    verdict,
    receipt,
    secret,
    offender: validator,
    offenceKey: offenceKey(OFFENCE.lazyVerdict, u64le(epoch), entryHash, new Uint8Array([attempt])),
    message: verdictRecord.hash(domain, shown.verdict),
    evidence: concatBytes(new Uint8Array([verdictRecord.kind]), verdict, receipt, secret),
  };
}

/** P-40: evidence as a buffer holds it: rounded up with zeros to 4 more than a multiple of 8. */
export function bufferContent(evidence: Uint8Array): Uint8Array {
  const content = new Uint8Array(8 * Math.ceil((evidence.length - 4) / 8) + 4);
  content.set(evidence);
  return content;
}

/** An inner node of a Merkle-sum tree as its preimage shows it (T-02). */
export interface InnerNode {
  readonly left: Hash;
  readonly right: Hash;
  readonly sums: readonly bigint[];
}

/** A leaf of the lifetime tree (T-01). */
export interface ShownLifetime {
  readonly lifetime: Pick<Lifetime, 'participant' | 'karma' | 'owed'>;
  readonly receiptsRoot: Hash;
}

/** A node below the last of a chain: an inner node, a leaf, or the absence of one. */
export type ShownNode =
  | { readonly type: 'inner'; readonly node: InnerNode }
  | { readonly type: 'lifetime'; readonly leaf: ShownLifetime }
  | { readonly type: 'credit'; readonly credit: ReceiptCredit }
  | { readonly type: 'absent' };

const ABSENT = new Uint8Array([0]);
const LEAF = new Uint8Array([1]);
const INNER = new Uint8Array([2]);

function sumsBytes(sums: readonly bigint[]): Uint8Array {
  return concatBytes(...sums.map(u64le));
}

function innerBytes({ left, right, sums }: InnerNode): Uint8Array {
  return concatBytes(left, right, sumsBytes(sums));
}

function lifetimeBytes({ lifetime, receiptsRoot }: ShownLifetime): Uint8Array {
  return concatBytes(lifetime.participant, sumsBytes([...lifetime.karma, lifetime.owed]), receiptsRoot);
}

function creditBytes(credit: ReceiptCredit): Uint8Array {
  return concatBytes(credit.entryHash, credit.receiptHash, sumsBytes([...credit.karma, credit.owed]));
}

function pathBytes(path: SumPath): Uint8Array {
  return concatBytes(
    u32le(path.length),
    ...path.map(({ hash: sibling, sums }) => concatBytes(sibling, sumsBytes(sums))),
  );
}

function claimPathBytes(path: ClaimPath): Uint8Array {
  return concatBytes(u32le(path.length), ...path);
}

/** In the lifetime tree an inner node's place follows from the height, so that no byte says what it is. */
function shownBytes(node: ShownNode, isCredits: boolean): Uint8Array {
  switch (node.type) {
    case 'inner':
      return isCredits ? concatBytes(INNER, innerBytes(node.node)) : innerBytes(node.node);
    case 'lifetime':
      return concatBytes(LEAF, lifetimeBytes(node.leaf));
    case 'credit':
      return concatBytes(LEAF, creditBytes(node.credit));
    case 'absent':
      return ABSENT;
  }
}

/** P-45: a node whose sums are not its children's. */
export interface FalseSum {
  /** The leaf whose credits are false, with its place; without it the lifetime tree itself is. */
  readonly creditsOf?: ShownLifetime & { readonly index: number; readonly path: SumPath };
  /** From the root down to the false node. Empty: the root's sums are not the report's totals. */
  readonly nodes: readonly InnerNode[];
  /** For each node but the last: whether the next is its right child. */
  readonly turns: readonly boolean[];
  /** Of the last node; with no nodes the root alone. */
  readonly below: readonly ShownNode[];
}

/** P-45: the evidence that a report has a false sum. Throws `BAD_ARGUMENT` for a chain that does not fit together. */
export function falseSumEvidence(report: Report, shown: FalseSum): Uint8Array {
  const depth = shown.nodes.length;
  if (shown.turns.length !== Math.max(0, depth - 1) || shown.below.length !== (depth === 0 ? 1 : 2)) {
    throw new KarmeshError(
      'BAD_ARGUMENT',
      'A chain of nodes has a turn between each two and two children at its end.',
      {
        nodes: depth,
        turns: shown.turns.length,
        below: shown.below.length,
      },
    );
  }
  const of = shown.creditsOf;
  const turns = shown.turns.reduce((bits, isRight, i) => bits + (isRight ? 2 ** i : 0), 0);
  return concatBytes(
    encode(reportCodec, report),
    ...(of === undefined ? [ABSENT] : [LEAF, lifetimeBytes(of), u32le(of.index), pathBytes(of.path)]),
    new Uint8Array([depth]),
    u32le(turns),
    ...shown.nodes.map(innerBytes),
    ...shown.below.map((node) => shownBytes(node, of !== undefined)),
  );
}

/** What stands at an index of a lifetime tree: a leaf with its path, or nothing, with a path if the index lies in the tree. */
export type ShownPlace = { readonly leaf?: ShownLifetime; readonly path?: SumPath };

function placeBytes({ leaf, path }: ShownPlace): Uint8Array {
  const way = path === undefined ? new Uint8Array() : pathBytes(path);
  return leaf === undefined ? concatBytes(ABSENT, way) : concatBytes(LEAF, lifetimeBytes(leaf), way);
}

/** What a report says of a registration index, with what it follows from. */
export interface ShownGrowth {
  readonly index: number;
  readonly now: ShownPlace;
  /** The top of the leaf's receiptsRoot; left out if that is zero. */
  readonly credits?: ShownNode;
  /** Left out if the report follows on none. */
  readonly prior?: ShownPlace;
}

/** P-46: the evidence that a lifetime is not the prior one and the epoch's credits. */
export function falseLifetimeEvidence(report: Report, shown: ShownGrowth): Uint8Array {
  return concatBytes(
    encode(reportCodec, report),
    u32le(shown.index),
    placeBytes(shown.now),
    ...(shown.credits === undefined ? [] : [shownBytes(shown.credits, true)]),
    ...(shown.prior === undefined ? [] : [placeBytes(shown.prior)]),
  );
}

/** What the claims tree and the lifetime tree have at a registration index. */
export interface ShownClaim {
  readonly index: number;
  readonly claimed: { readonly leaf: Hash; readonly path: ClaimPath };
  readonly lifetime: { readonly leaf: SumNode; readonly path: SumPath };
}

/** P-49: a place that was asked for, with the path of the same leaf in the claims tree (T-06). */
export interface ChallengedPlace extends ShownGrowth {
  readonly claimPath: ClaimPath;
}

/** P-49: the answer to a challenge. */
export function placeAnswer(report: Report, shown: ChallengedPlace): Uint8Array {
  return concatBytes(falseLifetimeEvidence(report, shown), claimPathBytes(shown.claimPath));
}

/** P-46: the evidence that the claims tree has another leaf at an index than the lifetime tree. */
export function falseClaimsLeafEvidence(report: Report, shown: ShownClaim): Uint8Array {
  const { index, claimed, lifetime } = shown;
  return concatBytes(
    encode(reportCodec, report),
    u32le(index),
    claimed.leaf,
    claimPathBytes(claimed.path),
    lifetime.leaf.hash,
    sumsBytes(lifetime.leaf.sums),
    pathBytes(lifetime.path),
  );
}
