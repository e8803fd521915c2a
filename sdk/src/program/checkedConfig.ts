import { KarmeshError } from '../errors.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { makeDomain } from '../protocol/header.ts';
import type { ConfigAccount } from './accounts.ts';
import { type Address, toBase58 } from './address.ts';

/** F-01: throws `PROGRAM_MISMATCH` or `GENESIS_MISMATCH` unless Config is that of this program on this cluster. */
export function checkedConfig(found: {
  readonly config: ConfigAccount | undefined;
  readonly genesis: Uint8Array;
  readonly programId: Address;
}): ConfigAccount {
  const { config, genesis, programId } = found;
  if (config === undefined) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The karma program is not initialised on this cluster.', {
      programId: toBase58(programId),
    });
  }
  if (!equalBytes(config.genesis, genesis)) {
    throw new KarmeshError('GENESIS_MISMATCH', 'The RPC node serves another cluster than the program was set up for.', {
      expected: toBase58(config.genesis),
      found: toBase58(genesis),
    });
  }
  if (!equalBytes(config.domain, makeDomain({ genesisHash: genesis, programId }))) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The program was set up for another version of the protocol.', {
      version: config.version,
      programId: toBase58(programId),
    });
  }
  return config;
}
