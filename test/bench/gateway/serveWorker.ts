import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { steadyClock, systemClock } from '@karmesh/sdk/clock';
import { createHost } from '@karmesh/sdk/network';
import { engineClassIdOf, INFER_PROTOCOL, MAX_INFER_FRAME_BYTES } from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import type { Engine } from '../../../node/src/engines/engine.ts';
import { openAuditFiles } from '../../../node/src/store/auditFiles.ts';
import { openReceiptLog } from '../../../node/src/store/receiptLog.ts';
import { carriesTicket } from '../../../node/src/worker/carriesTicket.ts';
import { worker } from '../../../node/src/worker/worker.ts';
import { domain, engineClass, model, standingChain, workers } from './standingChain.ts';

const AT_ONCE = 64;

/**
 * The worker's own service over a real host: it checks what it is sent, signs every frame, and has its receipts on disk before it reveals. Only its engine and
 * its chain are of this bench. Resolves with where it is reached.
 */
export async function serveWorker(
  options: {
    /** Which of the three it is. */
    readonly place: number;
    /** When slot 0 began, by the wall clock. */
    readonly beganMs: number;
    readonly bootstrap: readonly string[];
    readonly folder: string;
  },
  openEngine: (options: { readonly sequences: number }) => Engine,
): Promise<string> {
  const { bootstrap, folder, place } = options;
  const own = workers[place];
  if (own === undefined) throw new Error('There is no such worker.');
  await mkdir(folder, { recursive: true });
  const service = worker({
    maxConcurrent: AT_ONCE,
    maxQueue: AT_ONCE,
    maxProofs: 0,
    limits: { dispatchMs: 10_000, runMs: 60_000, sealsMs: 60_000 },
  })({
    engine: openEngine({ sequences: AT_ONCE }),
    signer: own.keypair,
    chain: standingChain(options.beganMs).worker(place),
    receipts: await openReceiptLog(folder),
    audits: await openAuditFiles(folder),
    clock: systemClock,
    steady: steadyClock,
    random: (length) => new Uint8Array(randomBytes(length)),
  });
  const host = await createHost({
    keypair: own.keypair,
    domain,
    bootstrap,
    localnet: true,
    verify: nativeVerifySignature,
  });
  await host.handle({
    protocol: INFER_PROTOCOL,
    maxStreams: 4 * AT_ONCE,
    maxFrameBytes: MAX_INFER_FRAME_BYTES,
    idleMs: 120_000,
    ticketed: true,
    async handler(stream, ask) {
      if (!carriesTicket(await service.serveInfer(stream))) ask.count();
    },
  });
  host.announce({
    role: 'worker',
    participant: own.address,
    engineClass: engineClassIdOf(engineClass),
    models: [model.modelId],
  });
  const [address] = host.addresses();
  if (address === undefined) throw new Error('The worker has no address.');
  return address;
}
