/** The same response with another stream of the same bytes. */
export function passedOn(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { headers, status, statusText, url } = response;
  const passed = new Response(body, { headers, status, statusText });
  return Object.defineProperty(passed, 'url', { value: url });
}
