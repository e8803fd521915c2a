import type { KarmaVector } from '../protocol/karma.ts';
import { type Address, toBase58 } from './address.ts';
import type { ProvenName } from './addresses.ts';
import { decodeEvent } from './coder.ts';

/** What the program says of a transaction that ran (docs/protocol.md, Events). */
export type ProgramEvent =
  | {
      readonly name: 'Registered';
      readonly data: { readonly participant: Address; readonly role: number; readonly index: number };
    }
  | { readonly name: 'EpochClosed'; readonly data: { readonly epoch: bigint; readonly manifestHash: Uint8Array } }
  | {
      readonly name: 'Attested';
      readonly data: { readonly epoch: bigint; readonly validator: Address; readonly attestedStake: bigint };
    }
  | { readonly name: 'BeaconRecorded'; readonly data: { readonly epoch: bigint; readonly beacon: Uint8Array } }
  | { readonly name: 'VerdictsPosted'; readonly data: { readonly epoch: bigint; readonly verdictsRoot: Uint8Array } }
  | {
      readonly name: 'ReportReached';
      readonly data: { readonly epoch: bigint; readonly reportHash: Uint8Array; readonly root: Uint8Array };
    }
  | {
      readonly name: 'EscrowSettled';
      readonly data: { readonly epoch: bigint; readonly escrow: Address; readonly debit: bigint };
    }
  | { readonly name: 'Finalised'; readonly data: { readonly epoch: bigint; readonly root: Uint8Array } }
  | {
      readonly name: 'Claimed';
      readonly data: {
        readonly epoch: bigint;
        readonly participant: Address;
        readonly paid: bigint;
        readonly karma: KarmaVector;
      };
    }
  | {
      readonly name: 'KeysAttested';
      readonly data: {
        readonly modelKeys: Address;
        readonly validator: Address;
        readonly attestedStake: bigint;
        /** 1 once the keys are admitted. */
        readonly admitted: number;
      };
    }
  | {
      readonly name: 'LayerRegistered';
      readonly data: { readonly modelKeys: Address; readonly operator: number; readonly keyId: Uint8Array };
    }
  | {
      readonly name: 'LayerProven';
      readonly data: ProvenName & { readonly operator: number; readonly statement: Uint8Array };
    }
  | { readonly name: 'ProvenClosed'; readonly data: ProvenName }
  | {
      readonly name: 'Proposed';
      readonly data: {
        readonly proposal: Address;
        readonly proposer: Address;
        readonly kind: number;
        readonly index: number;
        readonly value: bigint;
        readonly recipient: Address;
      };
    }
  | {
      readonly name: 'ProposalVoted';
      readonly data: {
        readonly proposal: Address;
        readonly validator: Address;
        readonly yesStake: bigint;
        /** 1 once it has passed. */
        readonly passed: number;
      };
    }
  | {
      readonly name: 'ProposalExecuted';
      readonly data: {
        readonly proposal: Address;
        readonly kind: number;
        readonly index: number;
        readonly value: bigint;
      };
    }
  | { readonly name: 'DebitAuthorised'; readonly data: { readonly escrow: Address; readonly authorised: bigint } }
  | { readonly name: 'EpochAccountClosed'; readonly data: { readonly epoch: bigint } }
  | { readonly name: 'ChainClosed'; readonly data: { readonly gateway: Uint8Array; readonly epoch: bigint } }
  | {
      readonly name: 'CaseFiled';
      readonly data: {
        readonly offender: Address;
        readonly offenceKey: Uint8Array;
        readonly finder: Address;
        readonly kind: number;
        readonly bps: bigint;
        readonly epoch: bigint;
      };
    }
  | {
      readonly name: 'CaseExecuted';
      readonly data: {
        readonly offender: Address;
        readonly offenceKey: Uint8Array;
        /** What left the stake, and of it what nobody gets. */
        readonly lamports: bigint;
        readonly weight: bigint;
        readonly burned: bigint;
        /** 0 while more is left to take. */
        readonly executed: number;
      };
    }
  | {
      readonly name: 'FaultProven';
      readonly data: {
        readonly epoch: bigint;
        readonly kind: number;
        readonly finder: Address;
        readonly reportHash: Uint8Array;
      };
    }
  | {
      readonly name: 'ChallengeOpened';
      readonly data: {
        readonly epoch: bigint;
        readonly reportHash: Uint8Array;
        readonly index: number;
        readonly challenger: Address;
        readonly untilSlot: bigint;
      };
    }
  | {
      readonly name: 'ChallengeAnswered';
      readonly data: {
        readonly epoch: bigint;
        readonly reportHash: Uint8Array;
        readonly index: number;
        /** Who wrote the buffer and got the bond. */
        readonly owner: Address;
      };
    }
  | {
      readonly name: 'ChallengeClosed';
      readonly data: {
        readonly epoch: bigint;
        readonly reportHash: Uint8Array;
        readonly index: number;
        readonly answered: number;
      };
    };

const DATA = 'Program data: ';
const INVOKE = /^Program (\w+) invoke \[\d+\]$/;
const END = /^Program \w+ (?:success|failed)/;

/** The program's events in a transaction's logs. Data lines of other programs are left out, so that nobody can forge one. */
export function eventsInLogs(logs: readonly string[], programId: Address): readonly ProgramEvent[] {
  const ours = toBase58(programId);
  const running: string[] = [];
  const events: ProgramEvent[] = [];
  for (const line of logs) {
    const invoked = INVOKE.exec(line)?.[1];
    if (invoked !== undefined) running.push(invoked);
    else if (END.test(line)) running.pop();
    else if (line.startsWith(DATA) && running.at(-1) === ours) {
      const event = decodeEvent(line.slice(DATA.length));
      // The names and fields are idl.json's, which a test compares with the union above.
      if (event !== undefined) events.push(event as unknown as ProgramEvent);
    }
  }
  return events;
}
