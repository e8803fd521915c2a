import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { NONE, ROLE } from '../program/accounts.ts';
import {
  checkRecord,
  decode,
  epochOfSlot,
  fromHex,
  identityInEpoch,
  type LaneName,
  laneNumber,
  makeDomain,
  namedParameters,
  type Quote,
  quoteRecord,
  type Signed,
  signedCodec,
} from '../protocol/index.ts';
import { laneName } from './answerEvidence.ts';
import type { ChainReader } from './chainReader.ts';
import { callGateway, type Gateway } from './gateway.ts';
import { lamports } from './listPrices.ts';

const answer = z.object({
  model: z.string(),
  lane: laneName,
  unitPrice: lamports,
  baseFeeThousandths: z.int(),
  expiresAtMs: z.int(),
  quote: z.string().regex(/^(?:[0-9a-f]{2}){1,1024}$/),
});

export interface RequestQuoteOptions {
  readonly model: string;
  readonly lane: LaneName;
  /** Where to read who signs for the gateway; without it the signature is not checked. */
  readonly chain?: Pick<ChainReader, 'checkCluster' | 'participant' | 'slot'> & {
    readonly addresses: Pick<ChainReader['addresses'], 'programId'>;
  };
  readonly signal: AbortSignal;
}

/** A price that a gateway has promised (L-08). */
export interface Offer {
  readonly model: string;
  readonly lane: LaneName;
  /** Lamports per 1,000 output tokens and million active parameters. */
  readonly unitPrice: bigint;
  /** Unix time in milliseconds by the gateway's clock. */
  readonly expiresAtMs: number;
  /** What goes into a request as `quote`, in hexadecimal. */
  readonly quote: string;
  readonly signed: Signed<Quote>;
  /** Whether the chain says that a registered gateway signed it. */
  readonly isChecked: boolean;
}

/**
 * Asks for a price that holds until it expires. Throws what `callGateway` and the reader throw, and `PROTOCOL_VIOLATION` where the signed offer is
 * another than the one that was told, or where the gateway that it names did not sign it (L-08).
 */
export async function requestQuote(gateway: Gateway, options: RequestQuoteOptions): Promise<Offer> {
  const { model, lane, chain, signal } = options;
  const violation = (sentence: string, cause?: unknown): KarmeshError =>
    new KarmeshError('PROTOCOL_VIOLATION', sentence, { gateway: gateway.url, rule: 'L-08' }, cause);
  const response = await callGateway(gateway, { path: '/v1/quotes', body: { model, lane }, signal });
  const parsed = answer.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) throw violation('The gateway’s quote is in another form.');
  const { baseFeeThousandths, expiresAtMs, quote, unitPrice } = parsed.data;
  const signed = readQuote(quote, violation);
  const { value } = signed;
  const isTold =
    parsed.data.model === model &&
    parsed.data.lane === lane &&
    value.lane === laneNumber(lane) &&
    value.unitPrice === unitPrice &&
    value.baseFee === baseFeeThousandths &&
    value.expiresAtMs === BigInt(expiresAtMs);
  if (!isTold) throw violation('The gateway signed another offer than the one that it told.');
  if (chain !== undefined && !(await isSigned(chain, signed, signal)))
    throw violation('The gateway did not sign its quote.');
  return { model, lane, unitPrice, expiresAtMs, quote, signed, isChecked: chain !== undefined };
}

/** Reads a quote in the form in which requests carry it. */
function readQuote(quote: string, violation: (sentence: string, cause: unknown) => KarmeshError): Signed<Quote> {
  try {
    return decode(signedCodec(quoteRecord), fromHex(quote));
  } catch (cause) {
    throw violation('The gateway’s quote cannot be read.', cause);
  }
}

async function isSigned(
  chain: NonNullable<RequestQuoteOptions['chain']>,
  signed: Signed<Quote>,
  signal: AbortSignal,
): Promise<boolean> {
  const [config, account, slot] = await Promise.all([
    chain.checkCluster({ signal }),
    chain.participant(signed.value.gateway, { signal }),
    chain.slot({ signal }),
  ]);
  if (account === undefined || account.role !== ROLE.gateway || config.epochZeroSlot === NONE) return false;
  const { slotsPerEpoch } = namedParameters(config.parameters);
  const epoch = epochOfSlot({ epochZeroSlot: config.epochZeroSlot, slotsPerEpoch }, slot);
  if (epoch === undefined) return false;
  const domain = makeDomain({ genesisHash: config.genesis, programId: chain.addresses.programId });
  return checkRecord(quoteRecord, { domain, identity: identityInEpoch(account, epoch) }, signed);
}
