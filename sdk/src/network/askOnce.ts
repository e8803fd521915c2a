import type { Identity } from '../protocol/signature.ts';
import type { FrameStream } from './frameStream.ts';
import type { HandleOptions, Host, OpenStreamOptions } from './host.ts';

/**
 * Asks a peer one thing over a stream of its own: one frame there, one back; undefined if the peer ends without an answer. Throws what
 * `openStream`, `send` and `receive` throw.
 */
export async function askOnce(
  host: Pick<Host, 'openStream'>,
  options: OpenStreamOptions & { readonly ask: Uint8Array },
  signalled: { readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const { ask, ...opening } = options;
  await using stream = await host.openStream(opening, signalled);
  await stream.send(ask, signalled);
  const answer = await stream.receive(signalled);
  await stream.close();
  return answer;
}

/** Answers what `askOnce` asks; whoever asks what `answer` throws at is reset. The result stops serving. */
export function answerOnce(
  host: Pick<Host, 'handle'>,
  options: Omit<HandleOptions, 'handler'> & {
    readonly answer: (ask: Uint8Array, remote: Identity) => Uint8Array | Promise<Uint8Array>;
  },
): Promise<() => Promise<void>> {
  const { answer, ...handling } = options;
  return host.handle({
    ...handling,
    async handler(stream: FrameStream) {
      const { signal } = stream;
      const ask = await stream.receive({ signal });
      if (ask !== undefined) await stream.send(await answer(ask, stream.remote), { signal });
    },
  });
}
