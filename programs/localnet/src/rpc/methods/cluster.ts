import { z } from 'zod';
import { slotsPerSolanaEpoch } from '../../ledger/engine.ts';
import { apiVersion, checkMinContextSlot, type Method, method, type RpcContext, withContext } from '../method.ts';
import { contextConfig, u64Param } from '../params.ts';
import { RpcError, rpcCodes } from '../rpcError.ts';

const noParams = z.tuple([]);
const onlyConfig = z.tuple([contextConfig]);

/** Agave's feature set 4.2.2 as `getVersion` numbers it; clients show it and compare nothing with it. */
const featureSet = 565_236_538;

/** A method without parameters but its context. */
function ofContext(answer: (context: RpcContext) => unknown): Method {
  return method(onlyConfig, 0, (context, settings) => {
    checkMinContextSlot(context.ledger, settings);
    return answer(context);
  });
}

export const clusterMethods: Readonly<Record<string, Method>> = {
  getHealth: method(noParams, 0, () => 'ok'),
  getVersion: method(noParams, 0, () => ({ 'feature-set': featureSet, 'solana-core': apiVersion })),
  getGenesisHash: method(noParams, 0, ({ ledger }) => ledger.genesis.hash),
  getIdentity: method(noParams, 0, ({ identity }) => ({ identity })),
  getFirstAvailableBlock: method(noParams, 0, () => 0),
  minimumLedgerSlot: method(noParams, 0, () => 0),

  // A finalized slot is finished, so that programs find it in SlotHashes; what is being filled is `confirmed` already.
  getSlot: method(onlyConfig, 0, ({ ledger }, settings) => {
    checkMinContextSlot(ledger, settings);
    return (settings?.commitment ?? 'finalized') === 'finalized' ? ledger.slot() - 1 : ledger.slot();
  }),

  // No slot is skipped, so that a block's height is its slot.
  getBlockHeight: ofContext(({ ledger }) => ledger.slot()),
  getSlotLeader: ofContext(({ identity }) => identity),
  getTransactionCount: ofContext(({ ledger }) => ledger.transactionCount()),

  getClusterNodes: method(noParams, 0, ({ identity }) => [
    { featureSet, gossip: null, pubkey: identity, rpc: null, shredVersion: 0, tpu: null, version: apiVersion },
  ]),

  getEpochInfo: ofContext(({ ledger }) => {
    const slot = ledger.slot();
    return {
      absoluteSlot: slot,
      blockHeight: slot,
      epoch: Math.floor(slot / slotsPerSolanaEpoch),
      slotIndex: slot % slotsPerSolanaEpoch,
      slotsInEpoch: slotsPerSolanaEpoch,
      transactionCount: ledger.transactionCount(),
    };
  }),

  getEpochSchedule: method(noParams, 0, () => ({
    firstNormalEpoch: 0,
    firstNormalSlot: 0,
    leaderScheduleSlotOffset: slotsPerSolanaEpoch,
    slotsPerEpoch: slotsPerSolanaEpoch,
    warmup: false,
  })),

  getLatestBlockhash: ofContext(({ ledger }) => withContext(ledger, ledger.latestBlockhash())),

  isBlockhashValid: method(z.tuple([z.string().max(64), contextConfig]), 1, ({ ledger }, blockhash, settings) => {
    checkMinContextSlot(ledger, settings);
    return withContext(ledger, ledger.blocks.isValid(blockhash));
  }),

  getBlockTime: method(z.tuple([u64Param]), 1, ({ ledger }, slot) => {
    if (slot === ledger.slot()) return ledger.unixTimestamp();
    const block = ledger.blocks.at(slot);
    if (block !== undefined) return block.unixTimestamp;
    // Localnet keeps what SlotHashes covers.
    throw new RpcError(rpcCodes.blockNotAvailable, `Block not available for slot ${slot}`);
  }),

  getRecentPrioritizationFees: method(z.tuple([z.array(z.string()).max(128).nullish()]), 0, ({ ledger }) =>
    ledger.blocks
      .all()
      .slice(-150)
      .map(({ slot }) => ({ prioritizationFee: 0, slot })),
  ),
};
