import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  challengedPosition,
  challengedTensors,
  chunksOf,
  type Domain,
  type Hash,
  type SumTree,
  toHex,
  traceShape,
} from '@karmesh/sdk/protocol';
import { errnoOf, type Logger, storeError, writeFileAtomic } from '@karmesh/sdk/runtime';
import { type ModelKeys, modelKeyTree } from '../../../models/modelKeys.ts';
import type { ChallengeJob, ChallengeProver } from '../../challengeProver.ts';
import { tensorOf } from '../dispute/replayOperator.ts';
import type { ExactEngine } from '../exactEngine.ts';
import { proveInProcess } from './proveInProcess.ts';
import type { ProvingJob } from './proveToken.ts';
import type { ProvingKeys } from './provingKeys.ts';
import type { ProvingTask } from './provingProcess.ts';

export interface TokenProverOptions {
  /** Where answers are kept until no audit can ask for them. */
  readonly folder: string;
  /** Where compiled circuits are kept, and development keys are made, hundreds of megabytes for a small model. */
  readonly keysFolder: string;
  /** The prover as a program; in WebAssembly without one. */
  readonly program?: string | undefined;
}

export interface TokenProverParts {
  readonly engine: Pick<ExactEngine, 'trace' | 'traceModel' | 'modelPath' | 'applyTemplate'>;
  readonly domain: Domain;
  readonly keys: ModelKeys;
  readonly provingKeys: ProvingKeys;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

const HASH_BYTES = 32;
/** A token with its keys, made on first use, takes minutes; this is far more. */
const MOST_MS = 2 * 3_600_000;

/**
 * Proves challenged tokens of the exact engine, one at a time, each in a process of its own. What is proven is on the disk before it counts, so that a process
 * that is killed goes on where it was. The caller disposes it, which ends what runs.
 */
export function tokenProver(
  options: TokenProverOptions,
): (parts: TokenProverParts) => ChallengeProver & AsyncDisposable {
  const { folder } = options;
  return (parts) => {
    const { log } = parts;
    const stop = new AbortController();
    const making = new Map<string, Promise<void>>();
    let last: Promise<unknown> = Promise.resolve();
    const tree = modelKeyTree(parts.domain, parts.keys);
    // A worker that comes back with other keys has other proofs to make.
    const folderOf = ({ epoch, entryHash }: Pick<ChallengeJob, 'epoch' | 'entryHash'>): string =>
      join(folder, epoch.toString(), toHex(entryHash), toHex(tree.root.hash));

    const make = async (job: ChallengeJob): Promise<void> => {
      stop.signal.throwIfAborted();
      const place = folderOf(job);
      try {
        await mkdir(place, { recursive: true, mode: 0o700 });
      } catch (cause) {
        throw storeError(place, cause);
      }
      const proving = await provingJob(job, { ...parts, ...options, tree });
      const task: ProvingTask = { job: proving, folder: place, program: options.program };
      log.info(
        { entry: toHex(job.entryHash), position: proving.place.position },
        'A token of an answer is being proven.',
      );
      // One that hangs would hold up all behind it.
      const bytes = await proveInProcess(task, AbortSignal.any([stop.signal, AbortSignal.timeout(MOST_MS)]));
      await writeFileAtomic({ path: join(place, 'answer'), bytes });
      log.info({ entry: toHex(job.entryHash), bytes: bytes.length }, 'A challenged token is proven.');
    };

    return {
      positions: parts.keys.facts.positions,
      keys: { modelId: parts.keys.modelId, keysRoot: tree.root.hash, keyCount: tree.count },
      async answer(job) {
        const path = join(folderOf(job), 'answer');
        try {
          return Uint8Array.from(await readFile(path));
        } catch (cause) {
          if (errnoOf(cause) !== 'ENOENT') throw storeError(path, cause);
        }
        const key = toHex(job.entryHash);
        if (!making.has(key) && !stop.signal.aborted) {
          const made = last.then(() => make(job));
          last = made.catch(() => undefined);
          making.set(key, made);
          // A fault is tried again when an auditor asks again.
          made.then(
            () => making.delete(key),
            (err: unknown) => {
              making.delete(key);
              if (!stop.signal.aborted) log.error({ err, entry: key }, 'A challenged token could not be proven.');
            },
          );
        }
        return undefined;
      },
      async dropUpTo(epoch) {
        const names = await readdir(folder).catch(() => []);
        for (const name of names)
          if (/^\d+$/.test(name) && BigInt(name) <= epoch)
            await rm(join(folder, name), { recursive: true, force: true });
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await Promise.allSettled([...making.values()]);
      },
    };
  };
}

/** Runs the answer again and gathers what its proofs need. */
async function provingJob(
  { epoch, beacon, entryHash, requestId, request, tokens }: ChallengeJob,
  {
    engine,
    keys,
    domain,
    provingKeys,
    keysFolder,
    tree,
  }: TokenProverParts & TokenProverOptions & { readonly tree: SumTree },
): Promise<ProvingJob> {
  const { facts, modelId } = keys;
  const { blinding, temperatureMicro } = request;
  const prompt = engine.applyTemplate(request.messages);
  const promptTokens = prompt.length;
  const positions = promptTokens + tokens.length - 1;
  const position = challengedPosition({ beacon, entryHash, positions });
  // A replay runs the tokens that are claimed; why the answer ended does not matter to it.
  const answer = { ...request, requestId, outputTokens: tokens, finishReason: 'stop' as const };
  const committed = await engine.trace({ ...answer, hiddenBy: blinding }, { level: 'committed' });
  const { traceModel } = engine;
  const shape = traceShape(traceModel, { level: 'operators', promptTokens });
  const wanted = challengedTensors(traceModel, { position, promptTokens });
  const indices = new Map(shape.tensors.map(({ name, layer }, tensor) => [`${name} ${layer}`, tensor]));
  const open = new Set(
    wanted.flatMap(({ name, layer, position: at }) => {
      const tensor = indices.get(`${name} ${layer}`) ?? 0;
      const chunks = chunksOf(shape.tensors[tensor]?.length ?? 0);
      return Array.from({ length: chunks }, (_, chunk) => shape.indexOf({ position: at, tensor, chunk }));
    }),
  );
  const { opened } = await engine.trace(answer, { level: 'operators', open });
  const leafBytes = committed.leaves ?? new Uint8Array();
  const all = [...prompt, ...tokens];
  return {
    modelPath: engine.modelPath,
    keysFolder,
    provingKeys,
    keys: facts.keys,
    attentionPositions: facts.attentionPositions,
    positions: facts.positions,
    domain,
    place: { epoch, entryHash, modelId, position },
    keysRoot: tree.root.hash,
    factsPath: tree.path(tree.count - 1),
    run: { requestId, blinding },
    promptTokens,
    temperatureMicro,
    token: all[position] ?? 0,
    chosen: position >= promptTokens - 1 ? all[position + 1] : undefined,
    leaves: Array.from(
      { length: leafBytes.length / HASH_BYTES },
      (_, i): Hash => leafBytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    ),
    tensors: wanted.map((tensor) => tensorOf(shape, tensor, (leaf) => opened.get(leaf) ?? new Uint8Array(0))),
  };
}
