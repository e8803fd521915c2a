import { KarmeshError } from '../errors.ts';
import { type Address, NONE, toBase58 } from '../program/index.ts';
import { equalBytes } from '../protocol/index.ts';
import { missingChunks } from './missingChunks.ts';
import type { Observed } from './observe.ts';
import { programFault } from './programFault.ts';
import type { ProgramFile } from './programFile.ts';

/** What the operator asked for. */
export interface Wanted {
  readonly program: Pick<ProgramFile, 'bytes' | 'hash'>;
  /** Room for the program and for longer ones after it. */
  readonly maxBytes: number;
  /** Who pays and signs. */
  readonly payer: Address;
  /** Who may replace the program in the end: `payer` as it is, another, or nobody. */
  readonly authority:
    | { readonly kind: 'keep' }
    | { readonly kind: 'final' }
    | { readonly kind: 'address'; readonly address: Address };
  /** Whether Config and Vault are made where they are not there. */
  readonly setUp: boolean;
  /** Whether epoch 0 begins too. */
  readonly start: boolean;
}

/** Lamports that accounts must hold and transactions cost on this cluster. */
export interface Prices {
  readonly bufferRent: bigint;
  readonly programRent: bigint;
  readonly programDataRent: bigint;
  readonly configRent: bigint;
  readonly vaultRent: bigint;
  readonly signature: bigint;
  /** For priority, by transaction; a write is cheaper than the others. */
  readonly writePriority: bigint;
  readonly stepPriority: bigint;
  /** How much of the program one transaction writes. */
  readonly chunkBytes: number;
}

export type StepName =
  | 'createBuffer'
  | 'writeBuffer'
  | 'deploy'
  | 'extend'
  | 'upgrade'
  | 'handOver'
  | 'initialise'
  | 'start'
  | 'setAuthority';

/** Something that is still to be done. */
export interface Step {
  readonly name: StepName;
  readonly sentence: string;
  /** What the payer has less afterwards, fees included; negative where lamports come back. */
  readonly lamports: bigint;
  /** Transactions that it takes. */
  readonly transactions: number;
}

/**
 * What is still to be done until the chain is as the operator wants it, from what is on the chain alone: so a run that was ended anywhere goes on, and nothing that was done is done or paid again.
 * Throws `DEPLOY_REFUSED` where that cannot be.
 */
export function planDeployment(seen: Observed, wanted: Wanted, prices: Prices): readonly Step[] {
  const { deployed, config } = seen;
  const step = (name: StepName, sentence: string, cost: { rent?: bigint; signatures?: number } = {}): Step => ({
    name,
    sentence,
    lamports: (cost.rent ?? 0n) + prices.signature * BigInt(cost.signatures ?? 1) + prices.stepPriority,
    transactions: 1,
  });

  const steps: Step[] = [];
  if (deployed === undefined) {
    steps.push(...bufferSteps(seen, wanted, { prices, step }));
    const rent = prices.programRent + prices.programDataRent - (seen.buffer?.lamports ?? prices.bufferRent);
    steps.push(step('deploy', 'make the program of the buffer, whose lamports come back', { rent, signatures: 2 }));
  } else if (programFault(deployed, wanted.program) !== undefined) {
    const replacing = replacementSteps({ ...seen, deployed }, wanted, { prices, step });
    if (replacing.handsOver) return replacing.steps;
    steps.push(...replacing.steps);
  }
  if (config === undefined && wanted.setUp) {
    const rent = prices.configRent + prices.vaultRent;
    steps.push(step('initialise', 'make Config and Vault with the parameters of the preset', { rent }));
  }
  if (wanted.start && (config === undefined || config.epochZeroSlot === NONE)) {
    if (config !== undefined && !equalBytes(config.initialiser, wanted.payer)) {
      const facts = { initialiser: toBase58(config.initialiser) };
      throw new KarmeshError('DEPLOY_REFUSED', 'Only who initialised the program begins its epochs (P-02).', facts);
    }
    steps.push(step('start', 'begin epoch 0'));
  }
  return [...steps, ...authoritySteps(seen, wanted, step)];
}

type MakeStep = (name: StepName, sentence: string, cost?: { rent?: bigint; signatures?: number }) => Step;
interface Making {
  readonly prices: Prices;
  readonly step: MakeStep;
}

function bufferSteps({ buffer }: Observed, wanted: Wanted, { prices, step }: Making): readonly Step[] {
  const { bytes } = wanted.program;
  if (buffer !== undefined && buffer.written.length !== bytes.length) {
    throw new KarmeshError('DEPLOY_REFUSED', 'The buffer was made for a program of another size.', {
      bytes: bytes.length,
      bufferBytes: buffer.written.length,
    });
  }
  const written = buffer?.written ?? new Uint8Array();
  const chunks = missingChunks({ program: bytes, written, chunkBytes: prices.chunkBytes }).length;
  if (chunks > 0 && buffer !== undefined && !isSame(buffer.authority, wanted.payer)) {
    const authority = buffer.authority === undefined ? 'nobody' : toBase58(buffer.authority);
    throw new KarmeshError('DEPLOY_REFUSED', 'The buffer belongs to another key.', { authority });
  }
  const rent = prices.bufferRent;
  const create = step('createBuffer', 'make a buffer for the program', { rent, signatures: 2 });
  const write: Step = {
    name: 'writeBuffer',
    sentence: `write ${chunks} pieces of the program into it`,
    lamports: BigInt(chunks) * (prices.signature + prices.writePriority),
    transactions: chunks,
  };
  return [...(buffer === undefined ? [create] : []), ...(chunks > 0 ? [write] : [])];
}

/** The steps from one program to another; a multisig does the last of them itself. */
function replacementSteps(
  seen: Observed & { readonly deployed: NonNullable<Observed['deployed']> },
  wanted: Wanted,
  making: Making,
): { readonly handsOver: boolean; readonly steps: readonly Step[] } {
  const { deployed, buffer } = seen;
  const { prices, step } = making;
  if (deployed.authority === undefined) {
    throw new KarmeshError('DEPLOY_REFUSED', 'Another program stands there, and nobody can replace it any more.', {
      fault: programFault(deployed, wanted.program),
    });
  }
  const { authority } = deployed;
  const steps = [...bufferSteps(seen, wanted, making)];
  if (!isSame(authority, wanted.payer)) {
    if (wanted.program.bytes.length > deployed.bytes.length) {
      throw new KarmeshError(
        'DEPLOY_REFUSED',
        'The program is longer than its room, which only its authority extends.',
        {
          bytes: wanted.program.bytes.length,
          room: deployed.bytes.length,
          authority: toBase58(authority),
        },
      );
    }
    if (!isSame(buffer?.authority, authority)) {
      steps.push(step('handOver', `give the buffer to ${toBase58(authority)}, who replaces the program by it`));
    }
    return { handsOver: true, steps };
  }
  const bytes = missingRoom(deployed.bytes.length, wanted.program.bytes.length);
  if (bytes > 0) {
    // Rent is proportional to bytes, so that the difference of two accounts is that of their lengths.
    const rent = (prices.bufferRent * BigInt(bytes)) / BigInt(wanted.program.bytes.length);
    steps.push(step('extend', `make room for ${bytes} bytes more`, { rent }));
  }
  const rent = -(buffer?.lamports ?? prices.bufferRent);
  steps.push(step('upgrade', 'replace the program by the buffer, whose lamports come back', { rent }));
  return { handsOver: false, steps };
}

/** The loader extends by no less (SIMD-0431). */
const LEAST_EXTENSION = 10_240;

/** How many bytes a program's room must grow by, 0 if it is enough. */
export function missingRoom(room: number, bytes: number): number {
  return bytes <= room ? 0 : Math.max(bytes - room, LEAST_EXTENSION);
}

function authoritySteps({ deployed }: Observed, { authority: wanted, payer }: Wanted, step: MakeStep): readonly Step[] {
  if (wanted.kind === 'keep') return [];
  const next = wanted.kind === 'final' ? undefined : wanted.address;
  const current = deployed === undefined ? payer : deployed.authority;
  if (isSame(current, next)) return [];
  if (!isSame(current, payer)) {
    const authority = current === undefined ? 'nobody' : toBase58(current);
    throw new KarmeshError('DEPLOY_REFUSED', 'The upgrade authority is not the payer’s to give.', { authority });
  }
  const sentence =
    next === undefined
      ? 'make the program immutable: nobody can ever replace it'
      : `make ${toBase58(next)} the upgrade authority`;
  return [step('setAuthority', sentence)];
}

function isSame(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

/** What all steps cost together, and the most that the payer is without at one moment. */
export function costOf(steps: readonly Step[]): { readonly lamports: bigint; readonly atMost: bigint } {
  let [lamports, atMost] = [0n, 0n];
  for (const step of steps) {
    lamports += step.lamports;
    if (lamports > atMost) atMost = lamports;
  }
  return { lamports, atMost };
}
