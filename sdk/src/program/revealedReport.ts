import type { Connection, VersionedTransactionResponse } from '@solana/web3.js';
import bs58 from 'bs58';
import { tryDecode } from '../protocol/codec.ts';
import { type Report, reportCodec } from '../protocol/report.ts';
import type { Address } from './address.ts';
import { instructionName } from './coder.ts';
import { toPublicKey } from './publicKey.ts';
import { rpcRequest } from './rpc.ts';

/** Transactions of one vote account that are looked through: a vote takes five, but anybody may name its account. */
const MAX_TRANSACTIONS = 1_000;
/** In `reveal_root`, behind the discriminator and the epoch. */
const REPORT_OFFSET = 16;

/**
 * P-18: the report that a vote revealed, from the cluster's history, since the chain's accounts have the winner's fields alone.
 * Undefined if the node does not have it, or not among the last 1,000 transactions that name the vote.
 */
export async function readRevealedReport(
  connection: Connection,
  wanted: { readonly vote: Address; readonly isWanted: (report: Report) => boolean },
  options: { readonly signal: AbortSignal },
): Promise<Report | undefined> {
  const address = toPublicKey(wanted.vote);
  const listed = await rpcRequest(connection, 'getSignaturesForAddress', options, () =>
    connection.getSignaturesForAddress(address, { limit: MAX_TRANSACTIONS }, 'confirmed'),
  );
  for (const { signature } of listed.filter(({ err }) => err === null).toReversed()) {
    const transaction = await rpcRequest(connection, 'getTransaction', options, () =>
      connection.getTransaction(signature, { commitment: 'confirmed', maxSupportedTransactionVersion: 0 }),
    );
    const found = transaction === null ? [] : reportsIn(transaction);
    const report = found.find(wanted.isWanted);
    if (report !== undefined) return report;
  }
  return undefined;
}

/** What looks like a report in a transaction, also where another program calls ours. Whose instruction it is does not matter: a report is known by its hash. */
function reportsIn({ transaction, meta }: VersionedTransactionResponse): readonly Report[] {
  const inner = meta?.innerInstructions?.flatMap(({ instructions }) => instructions) ?? [];
  const datas = [
    ...transaction.message.compiledInstructions.map(({ data }) => data),
    ...inner.map(({ data }) => bs58.decode(data)),
  ];
  return datas.flatMap((data) => {
    const isReveal = instructionName(data) === 'revealRoot';
    const report = isReveal ? tryDecode(reportCodec, data.subarray(REPORT_OFFSET, REPORT_OFFSET + 228)) : undefined;
    return report === undefined ? [] : [report];
  });
}
