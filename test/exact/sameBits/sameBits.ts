import { concatBytes, encode, hash, type RequestId, toHex, u32 } from '@karmesh/sdk/protocol';
import type { RunRequest } from '../../../node/src/engines/exact/run/runner.ts';
import type { ModelThread } from '../../../node/src/engines/exact/thread/threadClient.ts';

// What every place computes: on Node, in a page, in processes, in Python. This file runs in all but the last.

export interface BitCounts {
  readonly prompts: number;
  /** Output tokens of each. */
  readonly tokens: number;
}

export interface BitRequest
  extends Required<Pick<RunRequest, 'requestId' | 'prompt' | 'temperatureMicro' | 'limit' | 'level'>> {}

export interface BitAnswer {
  readonly outputTokens: readonly number[];
  /** Hexadecimal, as all of it goes through JSON. */
  readonly traceRoot: string;
}

export interface SameBits {
  /** SHA-256 over the tokens and trace roots of all answers. */
  readonly digest: string;
  readonly answers: readonly BitAnswer[];
}

const TEMPERATURES = [0, 800_000, 2_000_000, 300_000];
const LONGEST_PROMPT = 40;

/** Requests that follow from their number: prompts of 1 to 40 tokens at temperature 0 and above, every other one traced operator by operator. */
export function bitRequests({ prompts, tokens }: BitCounts, vocabulary: number): readonly BitRequest[] {
  return Array.from({ length: prompts }, (_, i) => {
    const requestId: RequestId = hash(new TextEncoder().encode(`karmesh same bits ${i}`));
    const drawn = (at: number): number => new DataView(hash(requestId, encode(u32, at)).buffer).getUint32(0, true);
    const length = 1 + (drawn(0) % LONGEST_PROMPT);
    return {
      requestId,
      prompt: Array.from({ length }, (_token, at) => drawn(1 + at) % vocabulary),
      temperatureMicro: TEMPERATURES[i % TEMPERATURES.length] ?? 0,
      limit: tokens,
      level: i % 2 === 0 ? 'blocks' : 'operators',
    };
  });
}

/** Answers all requests, some at a time, and hashes what came out. */
export async function sameBits(
  requests: readonly BitRequest[],
  { atOnce, answer }: { readonly atOnce: number; readonly answer: (request: BitRequest) => Promise<BitAnswer> },
): Promise<SameBits> {
  const answers: BitAnswer[] = [];
  for (let start = 0; start < requests.length; start += atOnce)
    answers.push(...(await Promise.all(requests.slice(start, start + atOnce).map(answer))));
  return { digest: digestOf(answers), answers };
}

function digestOf(answers: readonly BitAnswer[]): string {
  const text = new TextEncoder();
  return toHex(
    hash(
      ...answers.map(({ outputTokens, traceRoot }) =>
        concatBytes(
          encode(u32, outputTokens.length),
          ...outputTokens.map((token) => encode(u32, token)),
          text.encode(traceRoot),
        ),
      ),
    ),
  );
}

/** The answer of a model in a thread of Node or a worker of a page. */
export async function answerOfThread(thread: ModelThread, request: BitRequest): Promise<BitAnswer> {
  const outputTokens: number[] = [];
  const run = thread.start(request, {
    onToken(token) {
      outputTokens.push(token);
      run.acknowledge(outputTokens.length);
    },
  });
  await run.ended;
  const { traceRoot } = await run.finish({ outputTokens: outputTokens.length });
  return { outputTokens, traceRoot: toHex(traceRoot) };
}
