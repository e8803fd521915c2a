import type { TransactionInstruction } from '@solana/web3.js';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';
import type { ReportArguments } from './epoch.ts';

/** A challenge's name: a place of a report's lifetime tree. */
export interface ChallengeName {
  readonly epoch: bigint;
  /** `reportHashOf` the report. */
  readonly reportHash: Uint8Array;
  /** Registration index, below the report's participantCount. */
  readonly index: number;
}

/** P-49. The challenger signs and pays rent and bond. */
export function openChallenge(
  addresses: ProgramAddresses,
  options: ChallengeName & {
    readonly challenger: Address;
    readonly report: ReportArguments;
    /** One that voted for the report. */
    readonly validator: Address;
    /** The final epoch that the report follows on, if there is one. */
    readonly priorEpoch?: bigint;
  },
): TransactionInstruction {
  const { challenger, epoch, report, reportHash, index, validator, priorEpoch = epoch } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'openChallenge',
    args: { epoch, report, index },
    accounts: {
      challenger,
      config: addresses.config,
      epochAccount: addresses.epoch(epoch),
      vote: addresses.vote(epoch, validator),
      challenge: addresses.challenge(reportHash, index),
      prior: addresses.epoch(priorEpoch),
    },
  });
}

/** P-49. Anyone may send it; the buffer's owner gets the bond. `priorEpoch` is the final epoch that the report follows on, if there is one. */
export function answerChallenge(
  addresses: ProgramAddresses,
  options: ChallengeName & { readonly owner: Address; readonly buffer: Address; readonly priorEpoch?: bigint },
): TransactionInstruction {
  const { owner, buffer, epoch, reportHash, index, priorEpoch } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'answerChallenge',
    args: {},
    accounts: {
      owner,
      config: addresses.config,
      epochAccount: addresses.epoch(epoch),
      challenge: addresses.challenge(reportHash, index),
      buffer,
      prior: priorEpoch === undefined ? addresses.config : addresses.epoch(priorEpoch),
    },
  });
}

/** P-50. The challenger signs and gets the rent back, and the bond unless the challenge was answered. */
export function closeChallenge(
  addresses: ProgramAddresses,
  options: ChallengeName & { readonly challenger: Address },
): TransactionInstruction {
  const { challenger, epoch, reportHash, index } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeChallenge',
    args: {},
    accounts: {
      challenger,
      epochAccount: addresses.epoch(epoch),
      challenge: addresses.challenge(reportHash, index),
    },
  });
}

/** P-50. Anyone may send it; `payer` signs and pays the case's rent. */
export function accuseSilent(
  addresses: ProgramAddresses,
  options: ChallengeName & {
    readonly payer: Address;
    readonly validator: Address;
    /** `silenceKey` of the epoch. */
    readonly offenceKey: Uint8Array;
  },
): TransactionInstruction {
  const { payer, epoch, reportHash, index, validator, offenceKey } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'accuseSilent',
    args: {},
    accounts: {
      payer,
      config: addresses.config,
      challenge: addresses.challenge(reportHash, index),
      vote: addresses.vote(epoch, validator),
      validator,
      case: addresses.offenceCase(validator, offenceKey),
    },
  });
}
