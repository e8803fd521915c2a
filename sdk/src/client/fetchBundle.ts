import { type BundleFile, decodeBundle } from '../protocol/index.ts';
import { callGateway } from './gateway.ts';

/** The receipt bundle of a request as the gateway has it now. Throws what `callGateway` throws, and `BUNDLE_INVALID`. */
export async function fetchBundle(
  gateway: Parameters<typeof callGateway>[0],
  options: { readonly requestId: string; readonly signal?: AbortSignal },
): Promise<BundleFile> {
  const response = await callGateway(gateway, {
    path: `/v1/receipts/${options.requestId}`,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const file: unknown = await response.json();
  decodeBundle(file);
  // `decodeBundle` throws unless the value has exactly this shape.
  return file as BundleFile;
}
