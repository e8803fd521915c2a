import { ApiError } from './apiError.ts';

/**
 * The JSON value in a request's body, of which no more than `maxBytes` are ever held.
 *
 * @throws ApiError 413 beyond that, 400 for what is not JSON in UTF-8.
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const tooLarge = () =>
    new ApiError({
      status: 413,
      type: 'invalid_request_error',
      code: 'request_too_large',
      message: `The body of the request is larger than ${maxBytes} bytes.`,
      // The rest of the body is not read, so the connection cannot carry another request.
      headers: { connection: 'close' },
    });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  if (request.body !== null) {
    for await (const part of request.body) {
      bytes += part.length;
      if (bytes > maxBytes) throw tooLarge();
      parts.push(part);
    }
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)));
  } catch (cause) {
    const message = 'We could not parse the JSON body of your request.';
    throw new ApiError({ status: 400, type: 'invalid_request_error', code: null, message }, cause);
  }
}
