// What the mock upstream answers, and how it is asked: the same for every proxy and for the workers' engine.

export const MODEL_NAME = 'bench';
/** The answer, in the pieces that a stream of it has; each stands for one token. */
export const PIECES = Array.from({ length: 16 }, (_, i) => `${i === 0 ? 'Words' : ' words'}${i}`);
export const ANSWER = PIECES.join('');
export const PROMPT_TOKENS = 20;

export const USAGE = {
  prompt_tokens: PROMPT_TOKENS,
  completion_tokens: PIECES.length,
  total_tokens: PROMPT_TOKENS + PIECES.length,
};

/** The data of each event of a stream, up to its last. */
export async function* streamedPieces(response: Response): AsyncGenerator<string> {
  if (response.body === null) throw new Error('The upstream sent no body.');
  const utf8 = new TextDecoder();
  let buffered = '';
  for await (const bytes of response.body) {
    const lines = (buffered + utf8.decode(bytes, { stream: true })).split('\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const { choices } = JSON.parse(line.slice('data: '.length)) as StreamedChunk;
      const piece = choices[0]?.delta.content;
      if (piece !== undefined) yield piece;
    }
  }
}

type StreamedChunk = { readonly choices: readonly { readonly delta: { readonly content?: string } }[] };
type WholeAnswer = { readonly choices: readonly { readonly message: { readonly content: string } }[] };

/** Asks the upstream at `url`, a base with `/v1`; the pieces of its answer, or the answer as one where it is not streamed. */
export async function* askUpstream(
  url: string,
  ask: { readonly stream: boolean; readonly messages: readonly object[]; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<string> {
  const { messages, signal, stream } = ask;
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL_NAME, messages, stream }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw new Error(`The upstream answered ${response.status}.`);
  if (stream) yield* streamedPieces(response);
  else yield ((await response.json()) as WholeAnswer).choices[0]?.message.content ?? '';
}
