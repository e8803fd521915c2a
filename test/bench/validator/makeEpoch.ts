import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  batchBodyCodec,
  batchRecord,
  type Candidate,
  dispatchRecord,
  drawSeed,
  drawWorkers,
  type Entry,
  encode,
  entryHashOf,
  evidenceHashOf,
  type Hash,
  hash,
  outcomeRecord,
  outputHashOf,
  priceLamports,
  REPLICAS,
  receiptBodyHash,
  receiptRecord,
  receiptSetTree,
  sealRecord,
  sealsHashOf,
  sealValueOf,
  signedBatchCodec,
  signRecord,
  ticketRecord,
  timeoutRecord,
  u64le,
} from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import {
  BATCH_ENTRIES,
  CHAIN_LENGTH,
  escrowNumber,
  MOST_RECEIPTS,
  named,
  RECEIPTS_PER_ENTRY,
  type Scene,
  SLOTS_PER_EPOCH,
  scene,
} from './scene.ts';

// `makeEpoch.ts FOLDER BATCHES`: writes the batches of one epoch as gateways publish them, `N.header` as gossiped and `N.body`, and
// makes only what is not there. Batch N is of gateway N modulo their number, so that the first batches are a valid smaller epoch.

const PROMPT_TOKENS = 20;
const START_MS = 1_700_000_000_000n;
const SLOT_MS = 400n;

/** Of every so many answers one went to a fourth worker, because the first drawn did not answer. */
const TIMEOUT_EVERY = 16;

const [, , folder = '', wanted = ''] = process.argv;
const market = scene();
const listPrice = clusterPreset('devnet').chain.listPriceLamports;
const counters = new Map<number, bigint>();
const perGateway = Math.ceil(MOST_RECEIPTS / RECEIPTS_PER_ENTRY / market.gateways.length) + BATCH_ENTRIES;
const chains = market.gateways.map((_, gateway) => preimages(market.chainSecret(gateway)));

await mkdir(folder, { recursive: true });
for (let batch = 0; batch < Number(wanted); batch++) await writeBatch(batch);

async function writeBatch(batch: number): Promise<void> {
  const gateway = batch % market.gateways.length;
  const sequence = Math.floor(batch / market.gateways.length);
  const numbers = Array.from({ length: BATCH_ENTRIES }, (_, i) => sequence * BATCH_ENTRIES + i + 1);
  const isMade = existsSync(join(folder, `${batch}.header`));
  if (isMade) for (const number of numbers) for (const worker of answering(gateway, number)) nextCounter(worker.index);
  if (isMade) return;
  const { keypair, address } = member(market.gateways, gateway);
  const entries = numbers.map((number) => makeEntry(market, { gateway, number, keypair, address }));
  const body = encode(batchBodyCodec, entries);
  const rows = entries.map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price }));
  const header = signRecord(
    batchRecord,
    { domain: market.domain, signer: keypair },
    {
      producer: address,
      sequence: BigInt(sequence),
      epoch: 0n,
      merkleRoot: receiptSetTree(market.domain, { epoch: 0n, entries: rows }).root.hash,
      bodyHash: hash(body),
      count: entries.length,
      issuedAtMs: START_MS + slotOf(numbers.at(-1) ?? 0) * SLOT_MS,
    },
  );
  await writeFile(join(folder, `${batch}.body`), body);
  // The header comes last and at once: its presence says that the batch is whole.
  await writeFile(join(folder, 'header.new'), encode(signedBatchCodec, header));
  await rename(join(folder, 'header.new'), join(folder, `${batch}.header`));
}

function slotOf(number: number): bigint {
  return (BigInt(number) * (SLOTS_PER_EPOCH - 1n)) / BigInt(perGateway);
}

function drawnFor(gateway: number, number: number): readonly Candidate[] {
  const preimage = member(member(chains, gateway), number);
  const seed = drawSeed({ slotHash: market.slotHash(slotOf(number)), preimage, dispatchNumber: BigInt(number) });
  return drawWorkers({ seed, candidates: market.group.candidates });
}

function hasTimeout(number: number): boolean {
  return number % TIMEOUT_EVERY === 0;
}

/** Those whose receipts agree. */
function answering(gateway: number, number: number): readonly Candidate[] {
  const from = hasTimeout(number) ? 1 : 0;
  return drawnFor(gateway, number).slice(from, from + REPLICAS);
}

function makeEntry(
  { domain, modelId, engineClass, activeParameters, workers, escrow }: Scene,
  of: { readonly gateway: number; readonly number: number; readonly keypair: Keypair; readonly address: Uint8Array },
): Entry {
  const { gateway, number } = of;
  const byGateway = { domain, signer: of.keypair };
  const byWorker = (candidate: Candidate) => ({
    domain,
    signer: member(workers, candidate.index - market.gateways.length).keypair,
  });
  const slot = slotOf(number);
  const startMs = START_MS + slot * SLOT_MS;
  const requestId = hash(named('request'), u64le(BigInt(gateway)), u64le(BigInt(number)));
  const ticket = signRecord(ticketRecord, byGateway, {
    requestId,
    gateway: of.address,
    ticketNumber: BigInt(number),
    lane: 0,
    priceCap: 1_000_000_000n,
    unitPrice: 0n,
    escrow: escrow(gateway, escrowNumber(number)),
    issuedAtMs: startMs,
  });
  const dispatch = signRecord(dispatchRecord, byGateway, {
    ticketHash: ticketRecord.hash(domain, ticket.value),
    dispatchNumber: BigInt(number),
    slot,
    preimage: member(member(chains, gateway), number),
    modelId,
    engineClass,
    assurance: 'quorum' as const,
    dispatchedAtMs: startMs + 5n,
  });
  const dispatchHash = dispatchRecord.hash(domain, dispatch.value);
  const outputTokens = 8 + (number % 200);
  const outputHash = outputHashOf(domain, { promptTokens: PROMPT_TOKENS, finishReason: 'stop', tokens: [number] });
  const traceRoot = hash(named('trace'), requestId);
  const salt = hash(named('salt'), requestId).slice(0, 24);
  const sealedAtMs = startMs + 700n + BigInt(number % 900);
  const agreeing = answering(gateway, number);
  const seals = agreeing.map((candidate) => {
    const worker = candidate.participant;
    const seal = sealValueOf(domain, { requestId, worker, outputHash, traceRoot, salt });
    return {
      seal: signRecord(sealRecord, byWorker(candidate), { dispatchHash, worker, seal, sealedAtMs }),
      arrivedAtMs: sealedAtMs + 5n,
    };
  });
  const body = {
    requestId,
    modelId,
    engineClass,
    traceRoot,
    salt,
    sealsHash: sealsHashOf(seals.map(({ seal }) => seal.value)),
    finishReason: 'stop' as const,
    receivedAtMs: startMs + 10n,
    firstTokenAtMs: startMs + 100n,
    finishedAtMs: sealedAtMs - 10n,
  };
  const receipts = agreeing.map((candidate) => ({
    receipt: signRecord(receiptRecord, byWorker(candidate), {
      dispatchHash,
      worker: candidate.participant,
      epoch: 0n,
      counter: nextCounter(candidate.index),
      promptTokens: PROMPT_TOKENS,
      outputTokens,
      outputHash,
      bodyHash: receiptBodyHash(body),
    }),
    body,
  }));
  const timeouts = hasTimeout(number)
    ? [
        signRecord(timeoutRecord, byGateway, {
          dispatchHash,
          worker: member(drawnFor(gateway, number), 0).participant,
          cause: 'unreachable' as const,
          recordedAtMs: startMs + 300n,
        }),
      ]
    : [];
  const evidence = { seals, receipts, refusals: [], timeouts };
  const outcome = signRecord(outcomeRecord, byGateway, {
    dispatchHash,
    verdict: 'agreed' as const,
    outputHash,
    price: priceLamports({ unitPrice: listPrice, activeParameters, promptTokens: PROMPT_TOKENS, outputTokens }),
    evidenceHash: evidenceHashOf(evidence),
    finishedAtMs: sealedAtMs + 20n,
  });
  return { ticket, dispatch, evidence, outcome };
}

/** F-24: a worker's receipts of an epoch count from 0, over all gateways. */
function nextCounter(worker: number): bigint {
  const counter = counters.get(worker) ?? 0n;
  counters.set(worker, counter + 1n);
  return counter;
}

/** the preimage of every number of a chain, from the commitment (number 0) upwards. */
function preimages(secret: Hash): readonly Hash[] {
  const chain: Hash[] = [secret];
  for (let i = 0; i < CHAIN_LENGTH; i++) chain.push(hash(chain.at(-1) ?? secret));
  return chain.reverse();
}

function member<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`The scene has no member ${index} of ${list.length}.`);
  return found;
}
