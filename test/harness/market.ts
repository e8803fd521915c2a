import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fetchBundle, type Gateway, readBundleChain } from '@karmesh/sdk/client';
import { type Cluster, clusterPreset } from '@karmesh/sdk/clusters';
import type { ParticipantAccount, ProgramClient } from '@karmesh/sdk/program';
import {
  type Bundle,
  type BundleChain,
  type BundleFile,
  type BundleVerdict,
  decodeBundle,
  type OffchainParameters,
  verifyBundle,
} from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { type MarketFolder, openMarketFolder } from '../../programs/localnet/src/up/folder.ts';
import { type RunningMarket, startMarket } from '../../programs/localnet/src/up/startMarket.ts';

/** 200 ms leave a dispatch 1.6 seconds to reach a worker (W-10), which a machine with more to do than cores still keeps. */
const SLOT_MS = 200;

/** Short periods: an epoch of 13 seconds that is final 12 seconds after its end. The chain takes no shorter epoch. */
const QUICK = {
  slotsPerEpoch: 64n,
  closeDelaySlots: 4n,
  proposerWindowSlots: 12n,
  saltRevealSlots: 6n,
  beaconDelaySlots: 8n,
  auditSlots: 20n,
  challengeSlots: 4n,
} as const;

export interface TestMarketOptions {
  /** How many of each; with four validators one may be missing. */
  readonly workers: number;
  /** Workers on the exact engine, behind the others; none unless told. */
  readonly exactWorkers?: number;
  readonly validators: number;
  /** Programs in place of the worker's, by index. */
  readonly workerScripts?: readonly (string | undefined)[];
  /** Milliseconds; 200 unless told. */
  readonly slotMs?: number;
  /** What differs from the localnet preset. */
  readonly offchain?: Partial<OffchainParameters>;
  /** What is done to the chain before the gateway starts; gives further arguments of the gateway. */
  beforeGateway?(client: ProgramClient, folder: MarketFolder): Promise<readonly string[]>;
}

/** A market of real processes in a temporary folder, and what tests read of it. */
export interface TestMarket extends AsyncDisposable {
  readonly running: RunningMarket;
  readonly folder: MarketFolder;
  readonly cluster: Cluster;
  readonly slotMs: number;
  /** Polls until the report that credits the request is final; the signal bounds it. The market's own gateway is asked unless told. */
  final(requestId: string, options: { readonly signal: AbortSignal; readonly gateway?: Gateway }): Promise<FinalBundle>;
  /** The worker's account by its place in the folder. */
  worker(index: number, options: { readonly signal: AbortSignal }): Promise<ParticipantAccount>;
  /** Polls `holds` until it is true. */
  until(holds: () => Promise<boolean>, options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface FinalBundle {
  readonly file: BundleFile;
  readonly bundle: Bundle;
  readonly chain: BundleChain;
  readonly verdict: BundleVerdict;
}

const POLL_MS = 200;

function stateOf({ set, report }: Bundle): string {
  if (set === undefined) return 'no set holds it';
  return report === undefined
    ? `the set of epoch ${set.manifest.epoch} holds it and no report does`
    : 'its report is not final';
}

export async function startTestMarket(
  options: TestMarketOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<TestMarket> {
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'karmesh-market-'));
  // With `KARMESH_KEEP=1` logs and ledgers stay, for whoever looks for a fault.
  if (process.env.KARMESH_KEEP !== '1') stack.defer(() => rm(path, { recursive: true, force: true }));
  const preset = clusterPreset('localnet');
  const cluster: Cluster = {
    ...preset,
    chain: { ...preset.chain, ...QUICK },
    offchain: { ...preset.offchain, ...options.offchain },
  };
  stack.use(await ownParameters(path, cluster));
  const { workers, exactWorkers = 0, validators } = options;
  const folder: MarketFolder = await openMarketFolder(path, { workers, exactWorkers, validators });
  const { workerScripts = [], slotMs = SLOT_MS } = options;
  const beforeGateway = async (chain: ProgramClient) => (await options.beforeGateway?.(chain, folder)) ?? [];
  const running = stack.use(
    await startMarket(
      { folder, cluster, slotMs, rpcPort: 0, gatewayPort: 0, workerScripts, beforeGateway },
      { signal, talk: () => {} },
    ),
  );
  const { client } = running;
  const owned = stack.move();
  return {
    running,
    folder,
    cluster,
    slotMs,
    async final(requestId, { signal, gateway = running.gateway }) {
      const call = { signal };
      let state = 'nothing is known of it';
      try {
        for (;;) {
          const file = await fetchBundle(gateway, { requestId, ...call });
          const bundle = decodeBundle(file);
          state = stateOf(bundle);
          if (bundle.set !== undefined && bundle.report !== undefined) {
            const chain = await readBundleChain(client, { bundle, offchain: cluster.offchain, ...call });
            const verdict = verifyBundle(bundle, chain, { verify: nativeVerifySignature });
            if (verdict.pending.length === 0) return { file, bundle, chain, verdict };
          }
          await pause(POLL_MS, undefined, call);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new Error(`In time for this ${state}.`, { cause: error });
      }
    },
    async worker(index, call) {
      const identity = folder.workers[index]?.identity.publicKey;
      if (identity === undefined) throw new RangeError(`The market has no worker ${index}.`);
      const account = await client.participant(client.addresses.participant(identity), call);
      if (account === undefined) throw new RangeError(`Worker ${index} is not registered.`);
      return account;
    },
    async until(holds, call) {
      while (!(await holds())) await pause(POLL_MS, undefined, call);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Names the cluster's parameters to every program that is started from here on, as an operator does by a variable. */
async function ownParameters(path: string, cluster: Cluster): Promise<Disposable> {
  const table = (values: Readonly<Record<string, bigint>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        { value: `${value}`, unit: 'as shipped', reason: 'A test.' },
      ]),
    );
  const file = join(path, 'cluster.json');
  const json = {
    ...cluster,
    upgradeAuthority: { value: cluster.upgradeAuthority, reason: 'A test.' },
    chain: table({ ...cluster.chain }),
    offchain: table({ ...cluster.offchain }),
  };
  await writeFile(file, JSON.stringify(json));
  process.env.KARMESH_CLUSTER_FILE = file;
  return {
    [Symbol.dispose]() {
      delete process.env.KARMESH_CLUSTER_FILE;
    },
  };
}
