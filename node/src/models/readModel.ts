import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type ModelId, type ModelManifest, modelIdOf } from '@karmesh/sdk/protocol';
import { GGUF_LIMITS, type Gguf, parseGguf } from './gguf.ts';
import { manifestOf, templateOf } from './manifestOf.ts';

export interface ModelFile {
  readonly path: string;
  readonly manifest: ModelManifest;
  readonly modelId: ModelId;
  readonly template: string | undefined;
  /** No token stands for more bytes of text than this; undefined for tokenizers that drop text. */
  readonly longestTokenBytes: number | undefined;
  /** The tensor types that occur, sorted. */
  readonly weightTypes: readonly string[];
}

/** Reads and hashes a GGUF file. Throws `MODEL_INVALID` if it is missing, truncated or no model, `ABORTED` by the signal. */
export async function readModel(path: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ModelFile> {
  await using file = await openModel(path);
  const { size } = await file.stat();
  const head = await readHead(file, Math.min(size, GGUF_LIMITS.headerBytes));
  const gguf = parseGguf(head, size);
  const fileHash = await hashFile(file, signal);
  const manifest = manifestOf(gguf, { fileHash, fileBytes: BigInt(size) });
  const weightTypes = [...new Set(gguf.tensors.map(({ type }) => type))].sort();
  return {
    path,
    manifest,
    modelId: modelIdOf(manifest),
    template: templateOf(gguf),
    longestTokenBytes: longestTokenBytes(gguf),
    weightTypes,
  };
}

/** Both kinds write a token's bytes in at least as many bytes of the file, and keep every byte of a text. */
const KEEPING_TOKENIZERS: readonly unknown[] = ['gpt2', 'llama'];

function longestTokenBytes(gguf: Gguf): number | undefined {
  const keeps = KEEPING_TOKENIZERS.includes(gguf.metadata.get('tokenizer.ggml.model')?.value);
  return keeps ? gguf.metadata.get('tokenizer.ggml.tokens')?.longest : undefined;
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new KarmeshError('MODEL_INVALID', 'The model file cannot be opened.', { path }, cause);
  }
}

async function readHead(file: FileHandle, length: number): Promise<Uint8Array> {
  const head = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(head, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return head.subarray(0, filled);
}

async function hashFile(file: FileHandle, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const digest = createHash('sha256');
  const chunk = new Uint8Array(1 << 20);
  let offset = 0;
  for (;;) {
    if (signal?.aborted) throw new KarmeshError('ABORTED', 'Reading the model was stopped.', {}, signal.reason);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) return new Uint8Array(digest.digest());
    digest.update(chunk.subarray(0, bytesRead));
    offset += bytesRead;
  }
}
