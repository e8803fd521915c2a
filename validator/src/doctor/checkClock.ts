import { rpcRequest } from '@karmesh/sdk/program';
import { type Connection, SYSVAR_CLOCK_PUBKEY } from '@solana/web3.js';
import { type Found, failed, ok, warning } from './finding.ts';

/** The cluster's clock is a median of its validators' and may be some seconds off itself. */
const WARN_SECONDS = 15;
const FAIL_SECONDS = 120;
const UNIX_TIMESTAMP_AT = 32;

/** What two clocks that are so far apart mean. */
export function judgeClock(driftSeconds: number): Found {
  const apart = `This machine’s clock is ${Math.abs(driftSeconds).toFixed(0)} s ${driftSeconds < 0 ? 'behind' : 'ahead of'} the cluster’s.`;
  const todo = 'Set the clock by NTP, such as with timedatectl set-ntp true; announcements and batches carry its time.';
  if (Math.abs(driftSeconds) > FAIL_SECONDS) return failed(apart, todo);
  if (Math.abs(driftSeconds) > WARN_SECONDS) return warning(apart, todo);
  return ok('The clock agrees with the cluster’s.');
}

export async function checkClock(
  connection: Connection,
  { signal, nowMs }: { readonly signal: AbortSignal; readonly nowMs: () => number },
): Promise<Found> {
  const account = await rpcRequest(connection, 'getAccountInfo', { signal }, () =>
    connection.getAccountInfo(SYSVAR_CLOCK_PUBKEY, 'confirmed'),
  );
  if (account === null || account.data.length < UNIX_TIMESTAMP_AT + 8)
    return failed('The RPC node does not serve the cluster’s clock.', 'Use another RPC node with --url.');
  return judgeClock(nowMs() / 1000 - Number(account.data.readBigInt64LE(UNIX_TIMESTAMP_AT)));
}
