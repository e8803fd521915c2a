import { ApiError } from './apiError.ts';

export type BodyLimits = {
  /** Bytes of a body at most. */
  readonly maxBodyBytes: number;
  /** How long a body may take whatever its size, in milliseconds; 5,000 unless told. */
  readonly bodyGraceMs?: number;
  /** Beyond that it must have come with at least so many bytes a second; 4,096 unless told. */
  readonly minBytesPerSecond?: number;
};

const GRACE_MS = 5_000;
const MIN_BYTES_PER_SECOND = 4_096;
/** The rest of a refused body is not read, so the connection cannot carry another request. */
const CLOSE = { connection: 'close' };

/**
 * The bytes of a JSON body, of which no more than `maxBodyBytes` are ever held.
 *
 * @throws ApiError 415 for what says that it is not JSON, 413 beyond the limit, 408 for what comes too slowly.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  checkType(request.headers);
  const { maxBodyBytes, bodyGraceMs = GRACE_MS, minBytesPerSecond = MIN_BYTES_PER_SECOND } = limits;
  const length = request.headers.get('content-length');
  if (Number(length ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const leastMs = (Number(length ?? Number.POSITIVE_INFINITY) / minBytesPerSecond) * 1000;
  if (leastMs <= bodyGraceMs) return readShort(request, { maxBodyBytes, ms: bodyGraceMs + leastMs });
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const late = Promise.withResolvers<never>();
  // Whoever is slow may be so between two reads, too.
  late.promise.catch(() => {});
  const began = performance.now();
  const fail = (): void => late.reject(tooSlow());
  let timer = setTimeout(fail, bodyGraceMs);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return Buffer.concat(parts);
      bytes += value.length;
      if (bytes > maxBodyBytes) throw tooLarge(maxBodyBytes);
      parts.push(value);
      clearTimeout(timer);
      timer = setTimeout(fail, bodyGraceMs + (bytes / minBytesPerSecond) * 1000 - (performance.now() - began));
    }
  } catch (cause) {
    reader.cancel().catch(() => {});
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}

/** Of most requests the server says how short they are, and reads no more: such a body needs no stream, which would cost as much as all else here. */
async function readShort(
  request: Request,
  { maxBodyBytes, ms }: { readonly maxBodyBytes: number; readonly ms: number },
): Promise<Uint8Array> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooSlow()), ms);
  try {
    const bytes = new Uint8Array(await Promise.race([request.arrayBuffer(), late.promise]));
    if (bytes.length > maxBodyBytes) throw tooLarge(maxBodyBytes);
    return bytes;
  } finally {
    clearTimeout(timer);
  }
}

/** A missing type is taken for JSON, as many small clients leave it out. */
function checkType(headers: Headers): void {
  const type = headers.get('content-type');
  const encoding = headers.get('content-encoding');
  if (type !== null && !/^application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset="?utf-?8"?\s*)?$/i.test(type.trim())) {
    throw unsupportedMedia(
      `Invalid Content-Type header, expected application/json in UTF-8. (HINT: with curl, pass -H 'Content-Type: application/json')`,
    );
  }
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw unsupportedMedia('Compressed bodies are not accepted; send the JSON as it is.');
  }
}

function unsupportedMedia(message: string): ApiError {
  return new ApiError({
    status: 415,
    type: 'invalid_request_error',
    code: 'unsupported_content_type',
    message,
    headers: CLOSE,
  });
}

function tooLarge(maxBodyBytes: number): ApiError {
  return new ApiError({
    status: 413,
    type: 'invalid_request_error',
    code: 'request_too_large',
    message: `The body of the request is larger than ${maxBodyBytes} bytes.`,
    headers: CLOSE,
  });
}

function tooSlow(): ApiError {
  return new ApiError({
    status: 408,
    type: 'invalid_request_error',
    code: 'request_timeout',
    message: 'The body of the request came too slowly.',
    headers: CLOSE,
  });
}
