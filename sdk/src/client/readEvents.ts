import { KarmeshError } from '../errors.ts';

/** An event holds a few tokens or the evidence of one answer; more than this is no such stream. */
const MAX_EVENT_CHARACTERS = 1 << 20;

/** The data of each event of a `text/event-stream`, of which only `data:` lines count. Throws `PROTOCOL_VIOLATION` on an endless event. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop() ?? '';
      if (rest.length > MAX_EVENT_CHARACTERS) {
        throw new KarmeshError('PROTOCOL_VIOLATION', 'An event of the gateway’s stream does not end.', {
          characters: rest.length,
        });
      }
      for (const event of events) {
        const data = event
          .split(/\r?\n/)
          .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []));
        if (data.length > 0) yield data.join('\n');
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
