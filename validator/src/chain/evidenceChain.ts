import {
  accuseSilent,
  accuseVoter,
  answerChallenge,
  BUFFER_PIECE_BYTES,
  type BufferAccount,
  type CaseAccount,
  type ChallengeAccount,
  type ChallengeName,
  closeBuffer,
  closeChallenge,
  closeFinding,
  commitFinding,
  executeCase,
  FAULT,
  type FaultAccount,
  type FindingAccount,
  openBuffer,
  openChallenge,
  type ProgramClient,
  proveBadSignature,
  proveDoubleSign,
  proveFalseClaimsLeaf,
  proveFalseLifetime,
  proveFalseSum,
  type ReportArguments,
  type VoteAccount,
  verifyTwoSignatures,
  writeBuffer,
} from '@karmesh/sdk/program';
import {
  type Domain,
  type DoubleSign,
  equalBytes,
  falseAttestationKey,
  falseVoteKey,
  type Hash,
  type Identity,
  type Participant,
  type Report,
  reportHashOf,
  silenceKey,
} from '@karmesh/sdk/protocol';
import type { TransactionInstruction } from '@solana/web3.js';

type Signalled = { readonly signal: AbortSignal };

/** What a finder commits to and shows it by. */
export interface Committed {
  readonly commitment: Hash;
  readonly salt: Hash;
}

/** A report that somebody voted for, or a set that somebody attested, and what it is shown to be false by. */
export interface Fault {
  readonly name: keyof typeof FAULT;
  readonly epoch: bigint;
  /** The report's hash; of a set (`signature`) its manifest's. */
  readonly subject: Hash;
  /** Of the final report that a report follows on, if there is one. */
  readonly priorEpoch: bigint | undefined;
}

/** P-42: what names the offence of who voted for a false report, or attested such a set. */
export function offenceKeyOf({ name, epoch }: Pick<Fault, 'name' | 'epoch'>): Hash {
  return name === 'signature' ? falseAttestationKey(epoch) : falseVoteKey(epoch);
}

/**
 * Evidence, challenges and cases on chain (P-40 to P-50), as this validator reads and sends them. Readers answer undefined for what is not there.
 *
 * @throws KarmeshError `PROGRAM_ERROR` with the program's error name in `facts.error`, `TRANSACTION_FAILED`, `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`.
 */
export interface EvidenceChain {
  finding(commitment: Hash, options: Signalled): Promise<FindingAccount | undefined>;
  buffer(nonce: bigint, options: Signalled): Promise<BufferAccount | undefined>;
  offenceCase(offender: Participant, offenceKey: Hash, options: Signalled): Promise<CaseAccount | undefined>;
  fault(fault: Fault, options: Signalled): Promise<FaultAccount | undefined>;
  /** Every vote account of an epoch. */
  votes(epoch: bigint, options: Signalled): Promise<readonly VoteAccount[]>;
  /** Every case that was ever filed. */
  cases(options: Signalled): Promise<readonly CaseAccount[]>;
  /** Every challenge that was not ended. */
  challenges(options: Signalled): Promise<readonly ChallengeAccount[]>;
  /** A challenge that was not ended. */
  challenge(named: ChallengeName, options: Signalled): Promise<ChallengeAccount | undefined>;
  /** The report of a hash that a validator's vote revealed; undefined if the cluster's history does not show it. */
  revealedReport(
    revealed: {
      readonly domain: Domain;
      readonly epoch: bigint;
      readonly verdictsRoot: Hash;
      readonly reportHash: Hash;
      readonly validator: Participant;
    },
    options: Signalled,
  ): Promise<Report | undefined>;
  /** P-49: opens a challenge; `validator` is one who voted for the report. */
  ask(
    asked: ChallengeName & {
      readonly report: Report;
      readonly validator: Participant;
      readonly priorEpoch: bigint | undefined;
    },
    options: Signalled,
  ): Promise<string>;
  /** P-50. */
  accuseSilent(accused: ChallengeName & { readonly validator: Participant }, options: Signalled): Promise<void>;
  endChallenge(named: ChallengeName, options: Signalled): Promise<void>;
  commit(commitment: Hash, options: Signalled): Promise<void>;
  dropFinding(commitment: Hash, options: Signalled): Promise<void>;
  openBuffer(buffer: { readonly nonce: bigint; readonly size: number }, options: Signalled): Promise<void>;
  write(piece: BufferPiece, options: Signalled): Promise<void>;
  closeBuffer(nonce: bigint, options: Signalled): Promise<void>;
  showTwice(
    shown: Committed & {
      readonly twice: DoubleSign;
      readonly identity: Identity;
      readonly signatures: readonly [Uint8Array, Uint8Array];
    },
    options: Signalled,
  ): Promise<string>;
  /** Writes the last piece and shows the whole in one transaction (P-41). */
  showFault(
    shown: Committed & { readonly fault: Fault; readonly lastPiece: BufferPiece },
    options: Signalled,
  ): Promise<string>;
  accuse(accused: { readonly fault: Fault; readonly validator: Participant }, options: Signalled): Promise<void>;
  execute(filed: CaseAccount, options: Signalled): Promise<string>;
  /** P-49: answers by what the buffer holds, and ends the buffer in the same transaction. */
  answer(
    answered: { readonly challenge: ChallengeAccount; readonly nonce: bigint; readonly priorEpoch: bigint | undefined },
    options: Signalled,
  ): Promise<string>;
}

/** A part of a buffer's content that fits a transaction. */
export interface BufferPiece {
  readonly nonce: bigint;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The instruction that shows a fault names eleven accounts, and so many bytes still fit beside it. */
const LAST_PIECE_BYTES = 256;

/** The pieces of a buffer's content: those that are written before, each of which fits a transaction, and the one that goes with the proof (P-41). */
export function piecesOf(
  nonce: bigint,
  content: Uint8Array,
): { readonly before: readonly BufferPiece[]; readonly last: BufferPiece } {
  const split = Math.max(0, content.length - LAST_PIECE_BYTES);
  const before = Array.from({ length: Math.ceil(split / BUFFER_PIECE_BYTES) }, (_, i) => {
    const offset = i * BUFFER_PIECE_BYTES;
    return { nonce, offset, bytes: content.subarray(offset, Math.min(split, offset + BUFFER_PIECE_BYTES)) };
  });
  return { before, last: { nonce, offset: split, bytes: content.subarray(split) } };
}

/** What a path of 32 nodes and ten thousand bytes of preimages take at most. */
const FAULT_COMPUTE_UNITS = 600_000;
const TIMEOUT_MS = 20_000;
type ShownFault = Parameters<typeof proveFalseLifetime>[1];
const PROVE: Readonly<Record<Fault['name'], typeof proveFalseLifetime>> = {
  sum: proveFalseSum,
  lifetime: proveFalseLifetime,
  claims: proveFalseClaimsLeaf,
  signature: (addresses, { reportHash: manifestHash, ...shown }: ShownFault) =>
    proveBadSignature(addresses, { ...shown, manifestHash }),
};

export function evidenceChain(parts: {
  readonly client: Pick<
    ProgramClient,
    | 'addresses'
    | 'send'
    | 'finding'
    | 'buffer'
    | 'offenceCase'
    | 'fault'
    | 'votes'
    | 'cases'
    | 'challenges'
    | 'challenge'
    | 'revealedReport'
  >;
  readonly identity: Identity;
}): EvidenceChain {
  const { client, identity } = parts;
  const { addresses } = client;
  const send = async (
    instructions: readonly TransactionInstruction[],
    { signal, computeUnits }: Signalled & { readonly computeUnits?: number },
  ): Promise<string> => {
    const limit = computeUnits === undefined ? {} : { computeUnits };
    return (await client.send(instructions, { signal, timeoutMs: TIMEOUT_MS, ...limit })).signature;
  };
  const written = ({ nonce, offset, bytes }: BufferPiece) =>
    writeBuffer(addresses, { owner: identity, nonce, offset, bytes });
  return {
    finding: (commitment, options) => client.finding(identity, commitment, options),
    buffer: (nonce, options) => client.buffer(identity, nonce, options),
    offenceCase: (offender, key, options) => client.offenceCase(offender, key, options),
    fault: ({ subject, name }, options) => client.fault(addresses.fault(subject, FAULT[name]), options),
    votes: (epoch, options) => client.votes(epoch, options),
    cases: (options) => client.cases(options),
    challenges: (options) => client.challenges(options),
    challenge: (named, options) => client.challenge(named, options),
    revealedReport({ domain, epoch, verdictsRoot, reportHash, validator }, options) {
      const isWanted = (report: Report): boolean =>
        equalBytes(reportHashOf(domain, { epoch, verdictsRoot, report }), reportHash);
      return client.revealedReport({ epoch, validator, isWanted }, options);
    },
    ask({ priorEpoch, report, ...asked }, options) {
      const prior = priorEpoch === undefined ? {} : { priorEpoch };
      const shown = { ...report, totals: report.totals as ReportArguments['totals'] };
      const instruction = openChallenge(addresses, { ...asked, challenger: identity, report: shown, ...prior });
      return send([instruction], options);
    },
    async accuseSilent(accused, options) {
      const offenceKey = silenceKey(accused.epoch);
      await send([accuseSilent(addresses, { ...accused, payer: identity, offenceKey })], options);
    },
    async endChallenge(named, options) {
      await send([closeChallenge(addresses, { ...named, challenger: identity })], options);
    },
    async commit(commitment, options) {
      await send([commitFinding(addresses, { finder: identity, commitment })], options);
    },
    async dropFinding(commitment, options) {
      await send([closeFinding(addresses, { finder: identity, commitment })], options);
    },
    async openBuffer({ nonce, size }, options) {
      await send([openBuffer(addresses, { owner: identity, nonce, size })], options);
    },
    async write(piece, options) {
      await send([written(piece)], options);
    },
    async closeBuffer(nonce, options) {
      await send([closeBuffer(addresses, { owner: identity, nonce })], options);
    },
    showTwice({ twice, identity: signer, signatures, commitment, salt }, options) {
      const { messages } = twice;
      const instructions = [
        verifyTwoSignatures({ identity: signer, messages, signatures }),
        proveDoubleSign(addresses, { finder: identity, commitment, salt, shown: twice }),
      ];
      return send(instructions, options);
    },
    showFault({ fault, commitment, salt, lastPiece }, options) {
      const { name, epoch, subject: reportHash, priorEpoch } = fault;
      const buffer = addresses.buffer(identity, lastPiece.nonce);
      const prior = priorEpoch === undefined ? {} : { priorEpoch };
      const proven = PROVE[name](addresses, {
        finder: identity,
        epoch,
        reportHash,
        commitment,
        salt,
        buffer,
        ...prior,
      });
      return send([written(lastPiece), proven], { ...options, computeUnits: FAULT_COMPUTE_UNITS });
    },
    async accuse({ fault, validator }, options) {
      const { epoch, subject: reportHash, name } = fault;
      const offenceKey = offenceKeyOf(fault);
      const accused = { payer: identity, epoch, reportHash, fault: FAULT[name], validator, offenceKey };
      await send([accuseVoter(addresses, accused)], options);
    },
    execute({ offender, offenceKey, finder, harmed }, options) {
      const named = harmed.some((byte) => byte !== 0) ? { harmed } : {};
      return send([executeCase(addresses, { offender, offenceKey, finder, ...named })], options);
    },
    answer({ challenge: { epoch, reportHash, index }, nonce, priorEpoch }, options) {
      const prior = priorEpoch === undefined ? {} : { priorEpoch };
      const buffer = addresses.buffer(identity, nonce);
      const instructions = [
        answerChallenge(addresses, { epoch, reportHash, index, owner: identity, buffer, ...prior }),
        closeBuffer(addresses, { owner: identity, nonce }),
      ];
      return send(instructions, { ...options, computeUnits: FAULT_COMPUTE_UNITS });
    },
  };
}
