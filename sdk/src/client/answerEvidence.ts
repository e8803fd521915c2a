import { z } from 'zod';
import { ASSURANCES, LANES } from '../protocol/index.ts';

const digits = z.string().regex(/^\d{1,20}$/);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
export const laneName = z.enum(LANES.map(({ name }) => name));

const evidence = {
  requestId: hex32,
  assurance: z.enum(ASSURANCES),
  epoch: digits,
  dispatchNumber: digits,
  priceLamports: digits,
  /** The lane that the request waited in. */
  lane: laneName,
  /** The limit of the answer where the credit of the key paid for no more. */
  tokensPaidFor: z.int().positive().optional(),
  quorum: z.object({ verdict: z.string(), agreeing: z.number(), asked: z.number() }),
  receipts: z
    .array(z.object({ worker: z.string(), outcome: z.string(), receiptHash: hex32.nullable(), shown: z.boolean() }))
    .max(64),
  bundle: z.string(),
  /** Whether the answer has the form that `response_format` asked for. */
  format: z.enum(['met', 'unmet']).optional(),
};
/** The most choices of one answer. */
const MAX_CHOICES = 8;

export const karmeshField = z.object({ ...evidence, all: z.array(z.object(evidence)).max(MAX_CHOICES).optional() });

/**
 * The evidence of an answer in short, as the gateway's last chunk or object carries it: amounts and numbers as decimal strings, hashes in hexadecimal,
 * workers in base58. Of several choices it is the first one's, and `all` has that of every one.
 */
export type AnswerEvidence = z.output<typeof karmeshField>;
