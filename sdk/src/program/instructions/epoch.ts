import type { TransactionInstruction } from '@solana/web3.js';
import type { LifetimeTotals } from '../accounts.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** Whose duty: the identity signs for the validator's account. */
export interface DutyKeys {
  readonly identity: Address;
  readonly validator: Address;
  readonly epoch: bigint;
}

function dutyAccounts(addresses: ProgramAddresses, keys: DutyKeys): Record<string, Address> {
  return {
    identity: keys.identity,
    config: addresses.config,
    validator: keys.validator,
    epochAccount: addresses.epoch(keys.epoch),
  };
}

function voteAccounts(addresses: ProgramAddresses, keys: DutyKeys): Record<string, Address> {
  return { ...dutyAccounts(addresses, keys), vote: addresses.vote(keys.epoch, keys.validator) };
}

/** P-12. */
export function closeEpoch(
  addresses: ProgramAddresses,
  options: DutyKeys & {
    readonly receiptSetRoot: Uint8Array;
    readonly entryCount: number;
    readonly candidatesRoot: Uint8Array;
    readonly slotHashesRoot: Uint8Array;
    readonly escrowsRoot: Uint8Array;
  },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeEpoch',
    args: { ...options },
    accounts: dutyAccounts(addresses, options),
  });
}

/** P-13. */
export function attest(
  addresses: ProgramAddresses,
  options: DutyKeys & { readonly manifestHash: Uint8Array; readonly saltHash: Uint8Array },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'attest',
    args: { ...options },
    accounts: voteAccounts(addresses, options),
  });
}

/** P-14. */
export function revealSalt(
  addresses: ProgramAddresses,
  options: DutyKeys & { readonly salt: Uint8Array },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'revealSalt',
    args: { ...options },
    accounts: voteAccounts(addresses, options),
  });
}

/** P-15. Anyone may send it. It may move the target instead of recording; read the account's state afterwards. */
export function recordBeacon(addresses: ProgramAddresses, options: { readonly epoch: bigint }): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'recordBeacon',
    args: { ...options },
    accounts: { epochAccount: addresses.epoch(options.epoch), config: addresses.config, vault: addresses.vault },
  });
}

/** P-16. */
export function postVerdicts(
  addresses: ProgramAddresses,
  options: DutyKeys & { readonly verdictsRoot: Uint8Array; readonly verdictCount: number },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'postVerdicts',
    args: { ...options },
    accounts: dutyAccounts(addresses, options),
  });
}

/** P-17. */
export function postRoot(
  addresses: ProgramAddresses,
  options: DutyKeys & { readonly seal: Uint8Array; readonly attempt: number },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'postRoot',
    args: { ...options },
    accounts: voteAccounts(addresses, options),
  });
}

/** The report of P-18, 228 bytes in this order. */
export interface ReportArguments {
  readonly root: Uint8Array;
  readonly totals: LifetimeTotals;
  readonly participantCount: number;
  readonly settlementsRoot: Uint8Array;
  readonly settlementsTotal: bigint;
  readonly escrowCount: number;
  readonly carriedRoot: Uint8Array;
  readonly carriedCount: number;
  readonly priorRoot: Uint8Array;
  /** T-06. */
  readonly claimsRoot: Uint8Array;
}

/** P-18. */
export function revealRoot(
  addresses: ProgramAddresses,
  options: DutyKeys & { readonly report: ReportArguments; readonly salt: Uint8Array },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'revealRoot',
    args: { ...options },
    accounts: voteAccounts(addresses, options),
  });
}

/** P-20. Anyone may send it. */
export function finalise(addresses: ProgramAddresses, options: { readonly epoch: bigint }): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'finalise',
    args: { ...options },
    accounts: { epochAccount: addresses.epoch(options.epoch), config: addresses.config, vault: addresses.vault },
  });
}

/** P-22. Anyone may send it; `payer` is the identity that the vote records, and gets the rent back. */
export function closeVote(
  addresses: ProgramAddresses,
  options: { readonly epoch: bigint; readonly validator: Address; readonly payer: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeVote',
    args: { epoch: options.epoch },
    accounts: {
      payer: options.payer,
      epochAccount: addresses.epoch(options.epoch),
      vote: addresses.vote(options.epoch, options.validator),
      config: addresses.config,
      validator: options.validator,
      vault: addresses.vault,
    },
  });
}

/** P-51. Anyone may send it; `payer` is who paid the account's rent, and gets it back. */
export function closeEpochAccount(
  addresses: ProgramAddresses,
  options: { readonly epoch: bigint; readonly payer: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeEpochAccount',
    args: { epoch: options.epoch },
    accounts: {
      payer: options.payer,
      config: addresses.config,
      epochAccount: addresses.epoch(options.epoch),
      vault: addresses.vault,
    },
  });
}

/** P-53. Anyone may send it; the rent goes to the gateway's owner. */
export function closeChain(
  addresses: ProgramAddresses,
  options: { readonly gateway: Address; readonly owner: Address; readonly epoch: bigint },
): TransactionInstruction {
  const { gateway, owner, epoch } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeChain',
    args: {},
    accounts: { config: addresses.config, gateway, owner, chain: addresses.chain(gateway, epoch) },
  });
}
