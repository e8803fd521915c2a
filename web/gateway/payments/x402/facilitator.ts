import { x402Facilitator } from '@x402/core/facilitator';
import type { Network } from '@x402/core/types';
import { ExactSvmScheme } from '@x402/svm/exact/facilitator';
import type { LocalSigner } from './localSigner.ts';

export type Facilitator = Pick<x402Facilitator, 'verify' | 'settle'>;

/** Compute units and price of a payment at most, since this gateway pays its fees; the official client asks for 20,000 and 1 micro-lamport. */
const MAX_COMPUTE_UNITS = 60_000;
const MAX_PRIORITY_FEE = 10_000;
/** The payer's and the fee payer's. */
const MAX_SIGNATURES = 2;

/** Verifies and settles payments of x402's scheme `exact` in this process, so that no request waits for, or is told to, anybody else. */
export function facilitator(parts: { readonly signer: LocalSigner; readonly network: Network }): Facilitator {
  const scheme = new ExactSvmScheme(parts.signer, undefined, {
    maxComputeUnits: MAX_COMPUTE_UNITS,
    maxPriorityFeeMicroLamports: MAX_PRIORITY_FEE,
    maxRequiredSignatures: MAX_SIGNATURES,
  });
  return new x402Facilitator().register(parts.network, scheme);
}
