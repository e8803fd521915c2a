import type { AccountInfo, Connection } from '@solana/web3.js';
import type { Address, ConfigAccount } from '../program/index.ts';
import { decodeConfig, programAddresses, toPublicKey } from '../program/index.ts';
import { rpcRequest } from '../program/rpc.ts';
import {
  type BufferAccount,
  type DeployedProgram,
  decodeBuffer,
  decodeProgram,
  type OwnedAccount,
  programDataAddress,
} from './loaderAccounts.ts';
import { patiently } from './patiently.ts';

/** What a deployment finds on a chain. */
export interface Observed {
  readonly deployed: DeployedProgram | undefined;
  readonly buffer: BufferAccount | undefined;
  readonly config: ConfigAccount | undefined;
}

interface Asked {
  readonly programId: Address;
  readonly buffer: Address | undefined;
  readonly signal: AbortSignal;
}

/** Reads the program, its data, the buffer and Config in one request, so that they belong to one moment. Throws what the node throws, and `PROGRAM_MISMATCH` or `DEPLOY_REFUSED` of accounts that are something else. */
export async function observe(connection: Connection, { programId, buffer, signal }: Asked): Promise<Observed> {
  const { config } = programAddresses(programId);
  const addresses = [programId, programDataAddress(programId), config, ...(buffer === undefined ? [] : [buffer])];
  const infos = await patiently({ signal }, () =>
    rpcRequest(connection, 'getMultipleAccounts', { signal }, () =>
      connection.getMultipleAccountsInfo(addresses.map(toPublicKey), 'confirmed'),
    ),
  );
  const [program, programData, configAccount, bufferAccount] = infos.map(ownedAccount);
  return {
    deployed: program === undefined ? undefined : decodeProgram(program, programData),
    buffer: bufferAccount === undefined ? undefined : decodeBuffer(bufferAccount),
    config: configAccount === undefined ? undefined : decodeConfig(configAccount),
  };
}

/** One account with its owner, undefined where there is none. */
export async function readOwned(
  connection: Connection,
  address: Address,
  { signal }: { readonly signal: AbortSignal },
): Promise<OwnedAccount | undefined> {
  const info = await patiently({ signal }, () =>
    rpcRequest(connection, 'getAccountInfo', { signal }, () =>
      connection.getAccountInfo(toPublicKey(address), 'confirmed'),
    ),
  );
  return ownedAccount(info);
}

function ownedAccount(info: AccountInfo<Buffer> | null | undefined): OwnedAccount | undefined {
  if (info === null || info === undefined || info.lamports === 0) return undefined;
  return { owner: info.owner.toBytes(), lamports: BigInt(info.lamports), data: info.data };
}
