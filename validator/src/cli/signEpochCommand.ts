import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  evmAddressOf,
  evmValidatorSet,
  parseEvmAddress,
  signatureBytes,
  signedStatementJson,
  statementDigest,
} from '@karmesh/sdk/evm';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { createProgramClient, EPOCH_STATE, NONE, transactionSigner } from '@karmesh/sdk/program';
import { command, generateKeypair, loadSecp256k1Key } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { signEpochSchema } from './config.ts';

/**
 * `karmesh-validator sign-epoch`: says to a contract on an EVM chain what a final epoch came to (docs/proofs.md, Z-52). It prints the signed statement, which
 * is worth nothing alone and harms nobody: whoever has those of two thirds brings them.
 */
export const signEpochCommand = command({
  program: 'karmesh validator sign-epoch',
  summary: 'Signs a final epoch’s receipts and validators for a contract on an EVM chain, and prints that as JSON.',
  section: 'validator-sign-epoch',
  schema: signEpochSchema,
  files: configFiles,
  async run({ config }, { signal }) {
    const key = await loadSecp256k1Key(config.evmKey);
    const cluster = await chooseCluster(config);
    const client = createProgramClient({
      connection: new Connection(cluster.rpcUrl, 'confirmed'),
      programId: cluster.programId,
      // It only reads.
      payer: transactionSigner(generateKeypair()),
    });
    const { domain, lastFinalisedEpoch } = await client.checkCluster({ signal });
    const epoch = config.epoch ?? lastFinalisedEpoch;
    const account = epoch === NONE ? undefined : await client.epoch(epoch, { signal });
    if (account?.state !== EPOCH_STATE.finalised)
      throw new KarmeshError('CONFIG_INVALID', 'Only a final epoch is signed.', {
        epoch: epoch === NONE ? undefined : epoch,
        lastFinalisedEpoch: lastFinalisedEpoch === NONE ? 'none' : lastFinalisedEpoch,
      });
    const next = evmValidatorSet(await client.participants({ signal }), epoch + 1n);
    const signer = evmAddressOf(key.address);
    if (!next.validators.some((validator) => validator.signer === signer))
      throw new KarmeshError('CONFIG_INVALID', 'No validator is registered with this key’s address.', { signer });
    const contract = { chainId: config.evmChainId, address: parseEvmAddress(config.contract), domain };
    const { receiptSetRoot, entryCount } = account;
    const statement = { kind: 'epoch', epoch, receiptSetRoot, entryCount, next } as const;
    const signature = signatureBytes(key.sign(statementDigest(contract, statement)));
    process.stdout.write(`${signedStatementJson({ contract, statement, signature })}\n`);
    return 0;
  },
});
