import { type Engine, exactEngine, exactModelFile, llamaEngine } from '@karmesh/node/engines';
import { readModel } from '@karmesh/node/models';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type ModelManifest, toHex } from '@karmesh/sdk/protocol';
import type { Replayer } from '../audit/judgeAnswer.ts';

export interface ReplayerOptions {
  /** GGUF files that workers run on llama.cpp or on servers. */
  readonly models: readonly string[];
  /** GGUF files that workers run on the exact engine. */
  readonly exactModels: readonly string[];
  /** Where converted models are kept. */
  readonly modelCache: string;
  readonly threads: number;
}

interface Known {
  readonly manifest: ModelManifest;
  open(call: { readonly signal: AbortSignal }): Promise<Engine>;
}

const SEQUENCES = 2;

/**
 * Replays answers of the models in these files. A model is read and hashed at once (and converted, for the exact engine), and loaded
 * when its first answer is audited: most of the time a validator audits nothing.
 */
export async function openReplayer(
  options: ReplayerOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<Replayer & AsyncDisposable> {
  const { threads, modelCache: cacheFolder } = options;
  const known = new Map<string, Known>();
  for (const modelPath of options.models) {
    const { manifest, modelId } = await readModel(modelPath, { signal });
    const open: Known['open'] = (call) => llamaEngine({ modelPath, threads, sequences: SEQUENCES }, call);
    known.set(toHex(modelId), { manifest, open });
  }
  for (const modelPath of options.exactModels) {
    const { manifest, modelId } = await exactModelFile(modelPath, { cacheFolder }, { signal });
    const open: Known['open'] = (call) => exactEngine({ modelPath, cacheFolder, threads, sequences: SEQUENCES }, call);
    known.set(toHex(modelId), { manifest, open });
  }
  const engines = new Map<string, Promise<Engine>>();
  const engineOf = (key: string, { open }: Known): Promise<Engine> => {
    const opening = engines.get(key) ?? open({ signal });
    engines.set(key, opening);
    // A model that failed to load is tried again with the next audit.
    opening.catch(() => engines.delete(key));
    return opening;
  };
  const engineFor = (modelId: Uint8Array): Promise<Engine> => {
    const key = toHex(modelId);
    const found = known.get(key);
    if (found === undefined) {
      throw new KarmeshError('MODEL_UNKNOWN', 'The answer is of a model that this validator does not have.', {
        modelId: key,
      });
    }
    return engineOf(key, found);
  };
  return {
    model(modelId) {
      const found = known.get(toHex(modelId));
      return found === undefined ? undefined : { activeParameters: found.manifest.activeParameters };
    },
    async prompt(request, call) {
      call.signal.throwIfAborted();
      return (await engineFor(request.modelId)).applyTemplate(request.messages);
    },
    async replay({ requestId, request, tokens, finishReason }, call) {
      const { messages, maxTokens, temperatureMicro, stops, assurance, blinding } = request;
      const hidden = assurance === 'proof' ? { hiddenBy: blinding } : {};
      const engine = await engineFor(request.modelId);
      return engine.replay(
        { requestId, messages, maxTokens, temperatureMicro, stops, outputTokens: tokens, finishReason, ...hidden },
        call,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const opening of engines.values()) {
        const engine = await opening.catch(() => undefined);
        await engine?.[Symbol.asyncDispose]();
      }
    },
  };
}
