import type { TransactionInstruction } from '@solana/web3.js';
import { KarmeshError } from '../../errors.ts';
import { explorerLink, programAdvice, programErrorName, type TransactionSigner } from '../../program/index.ts';
import type { Output } from '../../runtime/index.ts';
import { amountText } from './amounts.ts';
import type { OpenCluster } from './openStaking.ts';

/** What came of instructions, or would have. */
export type SentStaking =
  | { readonly dryRun: true; readonly feeLamports: bigint; readonly costLamports: bigint }
  | {
      readonly dryRun: false;
      readonly feeLamports: bigint;
      readonly costLamports: bigint;
      readonly signature: string;
      readonly link: string;
    };

/**
 * Tries the instructions on the cluster's present state, says what they do and cost, then sends them in one transaction and waits until it is confirmed.
 * Under `dryRun` nothing is signed.
 *
 * @throws KarmeshError what `ProgramClient.simulate` and `send` throw, a refusal of the program with what to do about it.
 */
export async function sendStaking(
  { client, cluster }: OpenCluster,
  planned: {
    readonly instructions: readonly TransactionInstruction[];
    /** What it does, in the infinitive: `stake 1 SOL behind …`. */
    readonly what: string;
    readonly dryRun: boolean;
    readonly talk: Output;
    readonly signers?: readonly TransactionSigner[];
  },
  { signal }: { readonly signal: AbortSignal },
): Promise<SentStaking> {
  const { instructions, what, dryRun, talk, signers = [] } = planned;
  try {
    const { feeLamports, costLamports } = await client.simulate(instructions, { signal });
    talk.talk(`Going to ${what}.`);
    talk.talk(`Fee ${feeLamports} lamports; ${costLine(costLamports)}.`);
    const costs = { feeLamports, costLamports };
    if (dryRun) return { dryRun: true, ...costs };
    const { signature } = await client.send(instructions, { signal, signers });
    return { dryRun: false, ...costs, signature, link: explorerLink(signature, { rpcUrl: cluster.rpcUrl }) };
  } catch (error) {
    throw advised(error);
  }
}

function costLine(costLamports: bigint): string {
  return costLamports < 0n
    ? `who signs gets ${amountText(-costLamports)} in all`
    : `who signs pays ${amountText(costLamports)} in all`;
}

/** The same refusal, with what to do among its facts. */
function advised(error: unknown): unknown {
  const name = programErrorName(error);
  const todo = name === undefined ? undefined : programAdvice(name);
  if (!(error instanceof KarmeshError) || todo === undefined) return error;
  return new KarmeshError(error.code, error.message, { ...error.facts, todo }, error);
}

/** The last lines of what a command prints: the signature and where to see it. */
export function sentLines(sent: SentStaking): readonly string[] {
  return sent.dryRun ? ['Nothing was signed or sent.'] : [`signature  ${sent.signature}`, sent.link];
}
