import { hash } from 'node:crypto';
import type { Sha256 } from './traceTree.ts';

/** OpenSSL's SHA-256. */
export const nodeHash: Sha256 = (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer'));
