import { rpcRequest, toPublicKey } from '@karmesh/sdk/program';
import { type Connection, SystemProgram, Transaction } from '@solana/web3.js';
import { type Found, failed, ok, warning } from './finding.ts';

/** Of an epoch: attest, reveal the salt, seal, reveal the report, close the vote. */
const VOTE_TRANSACTIONS = 5n;
/** A share of what falls to whoever's turn it is: close, beacon, verdicts, settlements, finalise, claims. */
const TURN_TRANSACTIONS = 5n;
/** Votes whose rent is not back yet: of epochs that are not final, and one that is. */
const OPEN_VOTES = 6n;
const VOTE_BYTES = 192;
/** With less it may already miss the next epochs. */
const LEAST_EPOCHS = 4n;

/** For how many epochs of votes an identity can pay. */
export function epochsAfforded(funds: {
  readonly balance: bigint;
  readonly feeLamports: bigint;
  readonly voteRentLamports: bigint;
}): bigint {
  const { balance, feeLamports, voteRentLamports } = funds;
  const free = balance - OPEN_VOTES * voteRentLamports;
  return free <= 0n ? 0n : free / ((VOTE_TRANSACTIONS + TURN_TRANSACTIONS) * feeLamports);
}

/** What an identity with so much can do. */
export function judgeFees(
  funds: Parameters<typeof epochsAfforded>[0],
  { wantedEpochs, identity }: { readonly wantedEpochs: number; readonly identity: string },
): Found {
  const epochs = epochsAfforded(funds);
  const sentence = `The identity has ${funds.balance} lamports: ${epochs} epochs of votes at ${funds.feeLamports} lamports a transaction.`;
  const todo = `Send lamports to ${identity}; the bond pays no fees.`;
  if (epochs < LEAST_EPOCHS) return failed(sentence, todo);
  return epochs < BigInt(wantedEpochs) ? warning(sentence, todo) : ok(sentence);
}

/** What a transaction with one signature costs now, and a vote account's rent. Throws `RPC_UNREACHABLE`, `RPC_FAILED`. */
export async function readFees(
  connection: Connection,
  { payer, signal }: { readonly payer: Uint8Array; readonly signal: AbortSignal },
): Promise<{ readonly feeLamports: bigint; readonly voteRentLamports: bigint }> {
  const key = toPublicKey(payer);
  const { blockhash } = await rpcRequest(connection, 'getLatestBlockhash', { signal }, () =>
    connection.getLatestBlockhash('confirmed'),
  );
  const message = new Transaction({ feePayer: key, blockhash, lastValidBlockHeight: 0 })
    .add(SystemProgram.transfer({ fromPubkey: key, toPubkey: key, lamports: 0 }))
    .compileMessage();
  const [fee, rent] = await Promise.all([
    rpcRequest(connection, 'getFeeForMessage', { signal }, () => connection.getFeeForMessage(message, 'confirmed')),
    rpcRequest(connection, 'getMinimumBalanceForRentExemption', { signal }, () =>
      connection.getMinimumBalanceForRentExemption(VOTE_BYTES, 'confirmed'),
    ),
  ]);
  return { feeLamports: BigInt(fee.value ?? 5_000), voteRentLamports: BigInt(rent) };
}
