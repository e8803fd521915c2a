import { isIPv6 } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** A name for requests of which nobody knows whence they come. */
const UNKNOWN = 'unknown';
/** Who has one address of IPv6 has the 2^64 beside it. */
const NETWORK_GROUPS = 4;

/**
 * Whom a request comes from, as far as that can be told: the address at the other end of its connection. Where the operator names the header in which
 * a proxy of theirs writes its client's, the last address in it, which that proxy wrote; what stands before it anybody may have written.
 */
export const clientAddress =
  (options: { readonly header: string | undefined }) =>
  (context: Context): string => {
    const { header } = options;
    const told = header === undefined ? undefined : context.req.header(header)?.split(',').at(-1)?.trim();
    return networkOf(told === undefined || told === '' ? socketAddress(context) : told);
  };

function socketAddress(context: Context): string {
  // Requests that no server took have no connection.
  return context.env?.incoming === undefined ? UNKNOWN : (getConnInfo(context).remote.address ?? UNKNOWN);
}

/** An address of IPv4 as it is, one of IPv6 as its network of 64 bits. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [before = '', after] = (address.split('%')[0] ?? '').split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [first, last] = [groups(before), groups(after ?? '')];
  const zeros = after === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
