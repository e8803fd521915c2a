import { KarmeshError } from '../errors.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';

/** An account or contract of an EVM chain: `0x` and 40 lower-case digits. */
export type EvmAddress = `0x${string}` & { readonly brand?: 'EvmAddress' };

/** Any capitals are taken; whether they are EIP-55’s checksum is not looked at. Throws `BAD_ARGUMENT`. */
export function parseEvmAddress(text: string): EvmAddress {
  if (!/^0x[0-9a-f]{40}$/i.test(text))
    throw new KarmeshError('BAD_ARGUMENT', 'An address of an EVM chain is 0x and 40 hexadecimal digits.', { text });
  return text.toLowerCase() as EvmAddress;
}

/** The address that 20 bytes are. Throws `BAD_ARGUMENT`. */
export function evmAddressOf(bytes: Uint8Array): EvmAddress {
  return parseEvmAddress(hex(bytes));
}

/** `0x` and two digits a byte, as ethers takes bytes. */
export function hex(bytes: Uint8Array): `0x${string}` {
  return `0x${toHex(bytes)}`;
}

/** The bytes behind `0x`. Throws `CODEC`. */
export function bytesOfHex(text: string): Uint8Array {
  return fromHex(text.toLowerCase().replace(/^0x/, ''));
}
