import { setTimeout as pause } from 'node:timers/promises';
import { askStreaming, type Gateway } from '@karmesh/sdk/client';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';
import type { TestMarket } from './market.ts';

type Signalled = { readonly signal: AbortSignal };

const QUESTION = 'What is the capital of France?';
const ANSWER_MS = 40_000;
const GO_ON_MS = 30_000;
const FINAL_MS = 120_000;
const PAID_MS = 60_000;

/** What a buyer was given. */
export interface Answered {
  readonly text: string;
  readonly requestId: string;
  readonly verdict: string;
  /** Drawn workers who were not reached or said nothing. */
  readonly timedOut: number;
  /** Who sold it. */
  readonly gateway: Gateway;
}

/** A streamed answer to a question that always has the same one, or why there was none. */
export async function askOnce(gateway: Gateway, { signal }: Signalled): Promise<Answered | string> {
  const timely = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  let text = '';
  try {
    for await (const event of askStreaming(gateway, {
      model: 'tiny-spike',
      prompt: QUESTION,
      assurance: 'stream',
      temperature: 0,
      signal: timely,
    })) {
      if (event.kind === 'text') text += event.text;
      if (event.kind === 'done') {
        const { requestId, quorum, receipts } = event.evidence;
        const timedOut = receipts.filter(({ outcome }) => outcome === 'timed-out').length;
        return { text, requestId, verdict: quorum.verdict, timedOut, gateway };
      }
    }
    return 'cut off';
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KarmeshError)) throw error;
    if (error.code === 'ABORTED') return 'no answer in time';
    if (error.code === 'PEER_UNREACHABLE') return 'connection lost';
    const { status, code } = error.facts;
    return error.code === 'GATEWAY_REFUSED' ? `${status ?? 'error'} ${code}` : 'cut off';
  }
}

/** The market goes on: asks until there is an answer. */
export async function askUntilAnswered(gateway: Gateway, options: Signalled): Promise<Answered> {
  const until = Date.now() + GO_ON_MS;
  for (;;) {
    const answered = await askOnce(gateway, options);
    if (typeof answered !== 'string') return answered;
    if (Date.now() > until) throw new Error(`The market did not go on: ${answered}.`);
    await pause(200, undefined, options);
  }
}

/**
 * What is wrong once all has been settled: answers that do not come to be final and credited to two workers at least, and workers who are
 * paid less than their bundles say; or, where `all` answers that anybody asked for are given, more.
 */
export async function findUnpaid(
  market: TestMarket,
  { answers, all = false, signal }: { readonly answers: readonly Answered[]; readonly all?: boolean } & Signalled,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const owed = new Map<string, bigint>();
  for (const { requestId, verdict: told, gateway } of answers) {
    if (told !== 'agreed') continue;
    const timely = AbortSignal.any([signal, AbortSignal.timeout(FINAL_MS)]);
    try {
      const { verdict, bundle } = await market.final(requestId, { signal: timely, gateway });
      if (!verdict.holds) wrong.push(`${requestId} does not hold`);
      const credits = bundle.report?.credits ?? [];
      if (credits.length < 2) wrong.push(`${requestId} has ${credits.length} credits`);
      for (const { participant, owed: lamports } of credits) {
        const name = toHex(participant);
        owed.set(name, (owed.get(name) ?? 0n) + lamports);
      }
    } catch (error) {
      signal.throwIfAborted();
      wrong.push(`${requestId} is not final: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const accounts = () => Promise.all(market.folder.workers.map((_, i) => market.worker(i, { signal })));
  try {
    await market.until(
      async () =>
        (await accounts()).every(({ address, lifetimePaid }) => lifetimePaid >= (owed.get(toHex(address)) ?? 0n)),
      { signal: AbortSignal.any([signal, AbortSignal.timeout(PAID_MS)]) },
    );
  } catch {
    signal.throwIfAborted();
    wrong.push('somebody was not paid');
  }
  if (!all) return wrong;
  for (const { address, lifetimePaid } of await accounts()) {
    const name = toHex(address);
    const due = owed.get(name) ?? 0n;
    if (lifetimePaid > due) wrong.push(`${name} was paid ${lifetimePaid} instead of ${due}`);
  }
  return wrong;
}
