import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, type BundleProof, fetchBundle, type Gateway, readBundleChain, recheckBundle } from '@karmesh/sdk/client';
import { openProofTools } from '@karmesh/sdk/client/proofs';
import type { Cluster } from '@karmesh/sdk/clusters';
import { KarmeshError } from '@karmesh/sdk/errors';
import { eventsInLogs, type ParticipantAccount, type ProgramClient, toBase58, toPublicKey } from '@karmesh/sdk/program';
import { type Bundle, decodeBundle, KARMA_PARTS, toHex, verifyBundle } from '@karmesh/sdk/protocol';
import type { MarketFolder } from './folder.ts';

/** One worker's karma (micro-karma as synced on chain) and its owner's lamports. */
interface Standing {
  readonly karma: Readonly<Record<string, string>>;
  readonly paidLamports: string;
  readonly ownerLamports: string;
}

/** What `up -- --once` prints as its last line. Amounts are decimal strings in lamports and micro-karma. */
export interface OnceResult {
  readonly question: string;
  readonly answer: string;
  readonly model: string;
  readonly requestId: string;
  readonly receipts: readonly {
    readonly worker: string;
    readonly outcome: string;
    readonly receiptHash: string | null;
  }[];
  readonly quorum: { readonly verdict: string; readonly agreeing: number; readonly asked: number };
  readonly priceLamports: string;
  readonly epoch: string;
  readonly reportEpoch: string;
  readonly epochRoot: string;
  readonly transactions: Readonly<Record<string, string>>;
  readonly workers: Readonly<
    Record<string, { readonly name: string; readonly before: Standing; readonly after: Standing }>
  >;
  readonly bundle: string;
  readonly verified: boolean;
  /** Of a `proof` request: what was proven of its challenged token, and how many of these proofs the chain has checked itself. */
  readonly proof?: BundleProof;
}

const POLL_MS = 1000;
/** Each try is a dispatch of its own. */
const ADMISSION_MS = 5000;
/** Some epochs: whoever has no keys by then never will. */
const ADMISSION_TRIES = 60;

/**
 * Asks, then waits until the epoch is final and every agreeing worker's claim has landed, and rechecks the
 * bundle. Throws what `ask` throws, and `NO_QUORUM` if the final report credits nothing for the answer.
 */
export async function askOnce(
  client: ProgramClient,
  options: {
    readonly question: string;
    readonly assurance: 'quorum' | 'proof';
    /** The first on offer unless told. */
    readonly model: string | undefined;
    readonly gateway: Gateway;
    readonly folder: MarketFolder;
    readonly cluster: Cluster;
    readonly signal: AbortSignal;
    readonly talk: (sentence: string) => void;
  },
): Promise<OnceResult> {
  const { question, assurance, model, gateway, folder, cluster, signal, talk } = options;
  const before = await standings(client, { folder, signal });
  talk('Asking three workers …');
  const named = model === undefined ? {} : { model };
  const asking = () => ask(gateway, { prompt: question, temperature: 0, assurance, ...named, signal });
  const answer = await onceAdmitted(asking, { signal, talk });
  const { evidence } = answer;
  talk(
    assurance === 'proof'
      ? `${evidence.quorum.agreeing} of ${evidence.quorum.asked} agreed. Epoch ${evidence.epoch} must close before its beacon draws a token; proving that takes minutes …`
      : `${evidence.quorum.agreeing} of ${evidence.quorum.asked} agreed. Waiting until epoch ${evidence.epoch} is final …`,
  );
  const bundle = await finalBundle(client, {
    requestId: evidence.requestId,
    assurance,
    gateway,
    cluster,
    signal,
  });
  const path = join(folder.path, `bundle-${evidence.requestId.slice(0, 16)}.json`);
  await writeFile(path, `${JSON.stringify(bundle.file)}\n`, { mode: 0o600 });
  const proof =
    assurance === 'proof' ? await recordedProof(client, { bundle: bundle.file, cluster, signal, talk }) : undefined;
  talk('Final. Waiting for the claims …');
  await claimed(client, { report: bundle.report, signal });
  const after = await standings(client, { folder, signal });
  return {
    question,
    answer: answer.text,
    model: answer.model,
    requestId: evidence.requestId,
    receipts: evidence.receipts,
    quorum: evidence.quorum,
    priceLamports: evidence.priceLamports,
    epoch: evidence.epoch,
    reportEpoch: bundle.report.epoch.toString(),
    epochRoot: toHex(bundle.report.report.root),
    transactions: await transactionsOf(client, { report: bundle.report, signal }),
    workers: Object.fromEntries(
      folder.workers.map((worker, i) => [
        toBase58(client.addresses.participant(worker.identity.publicKey)),
        { name: worker.name, before: before[i] ?? NOTHING, after: after[i] ?? NOTHING },
      ]),
    ),
    bundle: path,
    verified: bundle.holds,
    ...(proof === undefined ? {} : { proof }),
  };
}

function isTooEarly(error: unknown): boolean {
  return error instanceof KarmeshError && error.code === 'GATEWAY_REFUSED' && error.facts.code === 'no_proofs';
}

/** Asks, and asks again until the workers take a request for proofs (W-21). */
async function onceAdmitted<T>(
  asking: () => Promise<T>,
  { signal, talk }: { readonly signal: AbortSignal; readonly talk: (sentence: string) => void },
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await asking();
    } catch (error) {
      if (!isTooEarly(error) || tries === ADMISSION_TRIES) throw error;
      if (tries === 0) talk('Validators admit the keys of the model in their first epoch. Waiting for it …');
    }
    await pause(ADMISSION_MS, undefined, { signal });
  }
}

const NOTHING: Standing = { karma: {}, paidLamports: '0', ownerLamports: '0' };

async function standings(
  client: ProgramClient,
  options: { readonly folder: MarketFolder; readonly signal: AbortSignal },
): Promise<readonly Standing[]> {
  return Promise.all(
    options.folder.workers.map(async ({ owner, identity }) => {
      const participant = await client.participant(client.addresses.participant(identity.publicKey), options);
      return {
        karma: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, (participant?.karma[i] ?? 0n).toString()])),
        paidLamports: (participant?.lifetimePaid ?? 0n).toString(),
        ownerLamports: (await client.balance(owner.publicKey, options)).toString(),
      };
    }),
  );
}

/** Rechecks the proofs and waits until the chain keeps every statement. Throws `BUNDLE_INVALID` for a bundle whose proofs do not hold. */
async function recordedProof(
  client: ProgramClient,
  options: {
    readonly bundle: unknown;
    readonly cluster: Cluster;
    readonly signal: AbortSignal;
    readonly talk: (sentence: string) => void;
  },
): Promise<BundleProof> {
  const { cluster, signal, talk } = options;
  const bundle = decodeBundle(options.bundle);
  const tools = await openProofTools();
  for (let isFirst = true; ; isFirst = false) {
    const recheck = { bundle, presets: [cluster], proofTools: async () => tools, isLocal: true, signal };
    const { checks, proof } = await recheckBundle(client, recheck);
    const failed = checks.find(({ holds }) => !holds);
    if (failed !== undefined || proof === undefined)
      throw new KarmeshError('BUNDLE_INVALID', 'The proofs of this answer do not hold.', { what: failed?.what });
    if (proof.recorded === proof.proven) return proof;
    if (isFirst) talk(`${proof.proven} operators of token ${proof.position} are proven. The chain is checking them …`);
    await pause(POLL_MS, undefined, { signal });
  }
}

type Report = NonNullable<Bundle['report']>;

/** Polls the gateway until its bundle is complete and the chain calls the report final. */
async function finalBundle(
  client: ProgramClient,
  options: {
    readonly requestId: string;
    readonly assurance: 'quorum' | 'proof';
    readonly gateway: Gateway;
    readonly cluster: Cluster;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly file: unknown; readonly report: Report; readonly holds: boolean }> {
  const { signal, cluster } = options;
  for (;;) {
    const file = await fetchBundle(options.gateway, options);
    const bundle = decodeBundle(file);
    if (bundle.report !== undefined && bundle.set !== undefined) {
      const chain = await readBundleChain(client, { bundle, offchain: cluster.offchain, signal });
      const verdict = verifyBundle(bundle, chain);
      const failed = verdict.checks.find(({ holds }) => !holds);
      if (failed !== undefined) {
        throw new KarmeshError('BUNDLE_INVALID', 'The bundle of this answer does not hold.', {
          rule: failed.rule,
          what: failed.what,
        });
      }
      const isWhole = options.assurance !== 'proof' || bundle.challenge !== undefined;
      if (verdict.pending.length === 0 && isWhole) return { file, report: bundle.report, holds: verdict.holds };
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

/** Waits until the accounts of everybody credited have synced at least this report's lifetimes. */
async function claimed(
  client: ProgramClient,
  options: { readonly report: Report; readonly signal: AbortSignal },
): Promise<void> {
  const { report, signal } = options;
  const isSynced = (account: ParticipantAccount | undefined, place: Report['credits'][number]): boolean =>
    account !== undefined &&
    account.lifetimePaid >= place.lifetimeOwed &&
    account.lifetime.every((part, i) => part >= (place.lifetimeKarma[i] ?? 0n));
  for (;;) {
    const accounts = await Promise.all(
      report.credits.map(({ participant }) => client.participant(participant, { signal })),
    );
    if (accounts.every((account, i) => report.credits[i] !== undefined && isSynced(account, report.credits[i]))) return;
    await pause(POLL_MS, undefined, { signal });
  }
}

/** The transactions on the report's epoch account, by what each did. */
async function transactionsOf(
  client: ProgramClient,
  options: { readonly report: Report; readonly signal: AbortSignal },
): Promise<Readonly<Record<string, string>>> {
  const address = toPublicKey(client.addresses.epoch(options.report.epoch));
  const found: Record<string, string> = {};
  const signatures = await client.connection.getSignaturesForAddress(address, { limit: 1000 }, 'confirmed');
  for (const { signature, err } of [...signatures].reverse()) {
    options.signal.throwIfAborted();
    if (err !== null) continue;
    const transaction = await client.connection.getTransaction(signature, {
      commitment: 'confirmed',
      maxSupportedTransactionVersion: 0,
    });
    for (const event of eventsInLogs(transaction?.meta?.logMessages ?? [], client.addresses.programId)) {
      const subject =
        'participant' in event.data
          ? event.data.participant
          : 'validator' in event.data
            ? event.data.validator
            : undefined;
      const suffix = subject instanceof Uint8Array ? ` ${toBase58(subject)}` : '';
      found[`${event.name}${suffix}`] = signature;
    }
  }
  return found;
}
