import { readFileSync } from 'node:fs';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  type Bundle,
  type BundleChain,
  type BundleFile,
  CHAIN_PARAMETERS,
  decodeBundle,
  equalBytes,
  fromHex,
  namedParameters,
  toHex,
} from '@karmesh/sdk/protocol';
import { z } from 'zod';
import type { FinalBundle } from '../harness/market.ts';

const hex = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/)
  .transform(fromHex);
const number = z.string().regex(/^\d+$/).transform(BigInt);

/** A bundle of a real market, and what its chain said of it. All lookups of another account or epoch answer undefined. */
const schema = z.strictObject({
  about: z.string(),
  chain: z.strictObject({
    genesisHash: hex,
    programId: hex,
    epochZeroSlot: number,
    parameters: z.array(number).length(CHAIN_PARAMETERS.length),
    gateway: z.strictObject({ address: hex, identity: hex, epoch: number, commitment: hex, length: z.int() }),
    escrow: z.strictObject({ address: hex, gateway: hex }),
    epochs: z.array(z.strictObject({ epoch: number, manifestHash: hex, reportHash: hex, isFinalised: z.boolean() })),
  }),
  bundle: z.unknown(),
});

export interface RecordedBundle {
  readonly file: BundleFile;
  readonly bundle: Bundle;
  readonly chain: BundleChain;
}

/** Reads test/vectors/bundle.json. */
export function recordedBundle(): RecordedBundle {
  const path = new URL('../vectors/bundle.json', import.meta.url);
  const { bundle: file, chain } = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const { gateway, escrow, epochs } = chain;
  const bundle = decodeBundle(file);
  return {
    // `decodeBundle` throws unless the value has exactly this shape.
    file: file as BundleFile,
    bundle,
    chain: {
      genesisHash: chain.genesisHash,
      programId: chain.programId,
      epochZeroSlot: chain.epochZeroSlot,
      parameters: namedParameters(chain.parameters),
      changes: [],
      offchain: clusterPreset('localnet').offchain,
      gatewayIdentity: (address, epoch) =>
        equalBytes(address, gateway.address) && epoch === gateway.epoch ? gateway.identity : undefined,
      chain: (address, epoch) =>
        equalBytes(address, gateway.address) && epoch === gateway.epoch ? gateway : undefined,
      escrowGateway: (address) => (equalBytes(address, escrow.address) ? escrow.gateway : undefined),
      epoch: (epoch) => epochs.find((account) => account.epoch === epoch),
    },
  };
}

/** The text of the vector. */
export function writeRecordedBundle({ file, bundle, chain, verdict }: FinalBundle): string {
  const { gateway, escrow } = bundle.entry.ticket.value;
  const epoch = verdict.epoch ?? 0n;
  const committed = chain.chain(gateway, epoch);
  const named = (value: Uint8Array | undefined): string => toHex(value ?? new Uint8Array(0));
  const epochs = new Set([bundle.set?.manifest.epoch, bundle.report?.epoch].filter((one) => one !== undefined));
  return `${JSON.stringify(
    {
      about: 'Written by test/e2e/recordBundle.ts: a final bundle of a local market and what its chain said of it.',
      chain: {
        genesisHash: toHex(chain.genesisHash),
        programId: toHex(chain.programId),
        epochZeroSlot: `${chain.epochZeroSlot}`,
        parameters: CHAIN_PARAMETERS.map((name) => `${chain.parameters[name]}`),
        gateway: {
          address: toHex(gateway),
          identity: named(chain.gatewayIdentity(gateway, epoch)),
          epoch: `${epoch}`,
          commitment: named(committed?.commitment),
          length: committed?.length ?? 0,
        },
        escrow: { address: toHex(escrow), gateway: named(chain.escrowGateway(escrow)) },
        epochs: [...epochs].map((one) => {
          const account = chain.epoch(one);
          return {
            epoch: `${one}`,
            manifestHash: named(account?.manifestHash),
            reportHash: named(account?.reportHash),
            isFinalised: account?.isFinalised ?? false,
          };
        }),
      },
      bundle: file,
    },
    undefined,
    2,
  )}\n`;
}
