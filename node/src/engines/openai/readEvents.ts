import { KarmeshError } from '@karmesh/sdk/errors';

/** Longer than any delta of text with its envelope. */
const MAX_LINE_BYTES = 1 << 20;

/**
 * The data of server-sent events (WHATWG HTML, section 9.2), one at a time, up to `[DONE]`. An OpenAI server writes one line of data per
 * event, so what is neither data nor a comment is refused. Throws `ENGINE_FAILED`, also if the stream ends before its `[DONE]`.
 */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let held = '';
  for await (const piece of bytes) {
    held += decode(decoder, piece);
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    if (held.length > MAX_LINE_BYTES) throw malformed('line', held.length);
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '' || line.startsWith(':')) continue;
      const data = /^data: ?(.*)$/.exec(line)?.[1];
      if (data === undefined) throw malformed('field', line.length);
      if (data === '[DONE]') return;
      yield data;
    }
  }
  throw new KarmeshError('ENGINE_FAILED', 'The engine’s server ended its stream in mid-answer.');
}

function decode(decoder: TextDecoder, piece: Uint8Array): string {
  try {
    return decoder.decode(piece, { stream: true });
  } catch {
    throw malformed('utf-8', piece.byteLength);
  }
}

function malformed(what: string, length: number): KarmeshError {
  return new KarmeshError('ENGINE_FAILED', 'The engine’s server sent a stream that is not made of events.', {
    what,
    length,
  });
}
