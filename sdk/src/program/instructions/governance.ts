import type { TransactionInstruction } from '@solana/web3.js';
import { PROPOSAL_KIND } from '../accounts.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** What validators are asked to decide (P-36, P-37). */
export type Asked =
  /** Gives the parameter at `index` of docs/protocol.md another value. */
  | { readonly kind: 'parameter'; readonly index: number; readonly value: bigint }
  /** Holds new stake and claims back for 1 to 8 epochs. */
  | { readonly kind: 'pause'; readonly epochs: bigint }
  /** Pays lamports from the treasury. */
  | { readonly kind: 'payment'; readonly lamports: bigint; readonly recipient: Address };

/** The system program's address, which stands for nobody. */
const NOBODY = new Uint8Array(32);

function argumentsOf(asked: Asked) {
  const none = { index: 0, recipient: NOBODY };
  switch (asked.kind) {
    case 'parameter':
      return { ...none, kind: PROPOSAL_KIND.parameter, index: asked.index, value: asked.value };
    case 'pause':
      return { ...none, kind: PROPOSAL_KIND.pause, value: asked.epochs };
    case 'payment':
      return { ...none, kind: PROPOSAL_KIND.payment, value: asked.lamports, recipient: asked.recipient };
  }
}

/** P-36, P-37. The validator's identity signs and pays the rent. `nonce` tells the validator's own proposals apart. */
export function propose(
  addresses: ProgramAddresses,
  options: {
    readonly identity: Address;
    readonly validator: Address;
    readonly nonce: bigint;
    readonly asked: Asked;
  },
): TransactionInstruction {
  const { identity, validator, nonce, asked } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'propose',
    args: { nonce, ...argumentsOf(asked) },
    accounts: { identity, config: addresses.config, validator, proposal: addresses.proposal(validator, nonce) },
  });
}

/** P-36, P-37: a yes. The validator's identity signs and pays the rent. */
export function voteProposal(
  addresses: ProgramAddresses,
  options: { readonly identity: Address; readonly validator: Address; readonly proposal: Address },
): TransactionInstruction {
  const { identity, validator, proposal } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'voteProposal',
    args: {},
    accounts: {
      identity,
      config: addresses.config,
      validator,
      proposal,
      ballot: addresses.ballot(proposal, validator),
    },
  });
}

/** P-36, P-37. Anyone may send it; `recipient` is the proposal's, to be left out if it pays nobody. */
export function executeProposal(
  addresses: ProgramAddresses,
  options: { readonly proposal: Address; readonly recipient?: Address },
): TransactionInstruction {
  const { proposal, recipient = NOBODY } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'executeProposal',
    args: {},
    accounts: { proposal, config: addresses.config, vault: addresses.vault, recipient },
  });
}

/** P-36. Anyone may send it; `payer` is the identity that the proposal records, and gets the rent back. */
export function closeProposal(
  addresses: ProgramAddresses,
  options: { readonly proposal: Address; readonly payer: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeProposal',
    args: {},
    accounts: { ...options, config: addresses.config },
  });
}

/** P-36. Anyone may send it; `payer` is the identity that the ballot records, and gets the rent back. */
export function closeBallot(
  addresses: ProgramAddresses,
  options: { readonly proposal: Address; readonly validator: Address; readonly payer: Address },
): TransactionInstruction {
  const { proposal, validator, payer } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeBallot',
    args: {},
    accounts: { payer, config: addresses.config, proposal, ballot: addresses.ballot(proposal, validator) },
  });
}
