import process from 'node:process';
import { modelThread } from '../../../node/src/engines/exact/thread/modelThread.ts';
import { answerOfThread, type BitCounts, bitRequests, sameBits } from './sameBits.ts';

/** What this program is started with, as JSON. */
export interface NodePlace {
  readonly modelPath: string;
  readonly counts: BitCounts;
  readonly threads: number;
  readonly kernels: 'simd' | 'plain';
  readonly sequences: number;
}

// Runs the requests on whatever Node starts it, and prints what came out.
const { modelPath, counts, threads, kernels, sequences } = JSON.parse(process.argv[2] ?? '') as NodePlace;
const settings = { modelPath, threads, kernels, sequences, contextSize: 128, batch: 32, endTokens: [] };
const thread = await modelThread(settings);
const found = await sameBits(bitRequests(counts, thread.traceModel.vocabulary), {
  atOnce: sequences,
  answer: (request) => answerOfThread(thread, request),
});
await thread[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ node: process.versions.node, kernels: thread.kernels, ...found }));
