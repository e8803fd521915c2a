import {
  accuseSilent,
  answerChallenge,
  type ChallengeAccount,
  closeChallenge,
  decodeChallenge,
  openBuffer,
  openChallenge,
  writeWholeBuffer,
} from '@karmesh/sdk/program';
import {
  bufferContent,
  buildReport,
  type Hash,
  type KarmaVector,
  type KeptReport,
  type ReceiptCredit,
  type Report,
  reportHashOf,
  silenceKey,
  toHex,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { type BuiltReport, reportArguments, sealOf, sendReveal, sendSeal, verdictsRoot } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { type Member, must, readParticipant, type World } from './world.ts';

/** What somebody had and how many credits of one micro-karma of seeding each came to it. */
export interface Row {
  readonly member: Member;
  readonly had?: bigint;
  readonly credits: number;
}

const seeding = (karma: bigint): KarmaVector => [0n, karma, 0n, 0n, 0n];

/** A report of rows as a tally makes one, with all that a validator keeps of it. */
export async function keptReport(
  world: World,
  tallied: { readonly epoch: bigint; readonly rows: readonly Row[]; readonly priorRoot?: Hash },
): Promise<{ readonly built: BuiltReport; readonly kept: KeptReport }> {
  const { epoch, priorRoot = ZERO_HASH } = tallied;
  const lifetimes: {
    index: number;
    participant: Uint8Array;
    karma: KarmaVector;
    owed: bigint;
    credits: ReceiptCredit[];
  }[] = [];
  for (const { member, had = 0n, credits } of tallied.rows) {
    const { index } = await readParticipant(world, member.address);
    const made = Array.from({ length: credits }, (_, i) => ({
      entryHash: namedHash(`entry ${i}`),
      receiptHash: namedHash(`receipt ${i}`),
      karma: seeding(1n),
      owed: 0n,
    }));
    const karma = seeding(had + BigInt(credits));
    lifetimes.push({ index, participant: member.address, karma, owed: 0n, credits: made });
  }
  lifetimes.sort((a, b) => a.index - b.index);
  const earning = lifetimes.filter(({ credits }) => credits.length > 0);
  const result = {
    lifetimes,
    settlements: [],
    escrowDebits: [],
    carried: [],
    credits: new Map(earning.map(({ participant, credits }) => [toHex(participant), credits])),
    decisions: new Map(),
  };
  const built = buildReport(world.domain, { epoch, result, priorRoot });
  return {
    built: { epoch, ...built, lifetimes, settlements: [] },
    kept: { lifetimes, trees: built.trees },
  };
}

/** Has each vote for the report beside it. */
export async function voteBy(
  world: World,
  epoch: bigint,
  votes: readonly { readonly of: Member; readonly report: Report }[],
): Promise<void> {
  for (const { of, report } of votes) await sendSeal(world, of, epoch, sealOf(world, of, { epoch, report }));
  for (const { of, report } of votes) await sendReveal(world, of, { epoch, report });
}

/** A report of an epoch, as challenges name it. */
export interface Challenged {
  readonly epoch: bigint;
  readonly report: Report;
}

export function nameOf(world: World, { epoch, report }: Challenged, index: number) {
  const reportHash = reportHashOf(world.domain, { epoch, verdictsRoot: verdictsRoot(epoch), report });
  return { epoch, reportHash, index };
}

export function sendOpen(
  world: World,
  challenger: Keypair,
  asked: { readonly of: Challenged; readonly index: number; readonly voter: Member; readonly priorEpoch?: bigint },
): Promise<Ran> {
  const { of, index, voter, ...prior } = asked;
  const named = nameOf(world, of, index);
  const report = reportArguments(of.report);
  const options = { ...named, challenger: challenger.publicKey, report, validator: voter.address, ...prior };
  return world.ledger.send([openChallenge(world.addresses, options)], [challenger]);
}

/** Writes an answer into a buffer of its owner. */
export async function writeAnswer(
  world: World,
  owner: Keypair,
  answer: Uint8Array,
  nonce: bigint,
): Promise<Uint8Array> {
  const { ledger, addresses } = world;
  const content = bufferContent(answer);
  const named = { owner: owner.publicKey, nonce };
  await ledger.send([openBuffer(addresses, { ...named, size: content.length })], [owner]);
  for (const piece of writeWholeBuffer(addresses, { ...named, content })) await ledger.send([piece], [owner]);
  return addresses.buffer(owner.publicKey, nonce);
}

export function sendAnswer(
  world: World,
  owner: Keypair,
  answered: {
    readonly of: Challenged;
    readonly index: number;
    readonly buffer: Uint8Array;
    readonly priorEpoch?: bigint;
  },
): Promise<Ran> {
  const { of, index, ...rest } = answered;
  const options = { ...nameOf(world, of, index), owner: owner.publicKey, ...rest };
  return world.ledger.send([answerChallenge(world.addresses, options)], [world.operator]);
}

export function sendCloseChallenge(world: World, challenger: Keypair, of: Challenged, index: number): Promise<Ran> {
  const options = { ...nameOf(world, of, index), challenger: challenger.publicKey };
  return world.ledger.send([closeChallenge(world.addresses, options)], [challenger]);
}

export function sendAccuseSilent(world: World, validator: Member, of: Challenged, index: number): Promise<Ran> {
  const named = { ...nameOf(world, of, index), payer: world.operator.publicKey, validator: validator.address };
  return world.ledger.send(
    [accuseSilent(world.addresses, { ...named, offenceKey: silenceKey(of.epoch) })],
    [world.operator],
  );
}

export async function readChallenge(world: World, of: Challenged, index: number): Promise<ChallengeAccount> {
  const { reportHash } = nameOf(world, of, index);
  return decodeChallenge(await must(world.ledger.account(world.addresses.challenge(reportHash, index))));
}
