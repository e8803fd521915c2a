import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { steadyClock, systemClock } from '@karmesh/sdk/clock';
import { chooseCluster, parametersOf } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { createHost, type FrameStream } from '@karmesh/sdk/network';
import { createChainView } from '@karmesh/sdk/program';
import { AUDIT_PROTOCOL, INFER_PROTOCOL, MAX_AUDIT_FRAME_BYTES, MAX_INFER_FRAME_BYTES } from '@karmesh/sdk/protocol';
import {
  acquireLockFile,
  loadKeypair,
  nativeVerifySignature,
  output,
  readConfig,
  shutdown,
} from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { chainOf } from '../../../node/src/cli/chainOf.ts';
import { startSchema } from '../../../node/src/cli/config.ts';
import { openEngine } from '../../../node/src/cli/openEngine.ts';
import type { Engine } from '../../../node/src/engines/engine.ts';
import { openAuditFiles } from '../../../node/src/store/auditFiles.ts';
import { openReceiptLog } from '../../../node/src/store/receiptLog.ts';
import { worker } from '../../../node/src/worker/worker.ts';

/** What a hostile worker does otherwise than an honest one. */
export interface Malice {
  /** Another engine in place of the real one. */
  readonly engine?: (honest: Engine) => Engine;
  /** What it does with a dispatch instead of answering it. */
  readonly infer?: (stream: FrameStream) => Promise<void>;
}

/** Runs a worker program with the flags of `karmesh-worker start`, of the real service's parts, but for its malice. */
export async function runHostileWorker(malice: Malice): Promise<void> {
  const read = await readConfig({
    program: 'hostile worker',
    summary: 'A worker that does not keep the rules.',
    section: 'worker',
    schema: startSchema,
    // `up` starts every worker with the command `start`.
    argv: process.argv.slice(3),
    env: process.env,
  });
  if (read.kind === 'help') throw new KarmeshError('CONFIG_INVALID', 'A hostile worker has no help.');
  const { config } = read;
  await using stack = new AsyncDisposableStack();
  using stopping = shutdown()({ log: { info() {}, error() {} } });
  const { signal } = stopping;
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  stack.use(await acquireLockFile(join(config.dataDir, 'lock')));
  const honest = stack.use(await openEngine(config, { signal }));
  const engine = malice.engine?.(honest) ?? honest;
  const view = stack.use(
    await createChainView({
      connection: new Connection(cluster.rpcUrl, 'confirmed'),
      programId: cluster.programId,
      pollMs: config.pollMs,
      signal,
    }),
  );
  const account = view.participantByIdentity(keypair.publicKey);
  if (account === undefined) throw new KarmeshError('CONFIG_INVALID', 'The hostile worker is not registered.');
  const offchain = parametersOf(cluster, view.config());
  const service = worker({
    maxConcurrent: config.sequences,
    maxQueue: config.maxQueue,
    maxProofs: 0,
    limits: { dispatchMs: 10_000, runMs: 60_000, sealsMs: 60_000 },
  })({
    engine,
    signer: keypair,
    chain: chainOf(view, { participant: account.address, offchain, verify: nativeVerifySignature }),
    receipts: stack.use(await openReceiptLog(config.dataDir)),
    audits: await openAuditFiles(config.dataDir),
    clock: systemClock,
    steady: steadyClock,
    random: (length) => new Uint8Array(randomBytes(length)),
  });
  stack.defer(() => service.stop({ signal: AbortSignal.timeout(1_000) }));
  const host = stack.use(
    await createHost({
      keypair,
      domain: view.config().domain,
      listen: config.listen,
      bootstrap: config.bootstrap,
      localnet: cluster.isLocal,
      verify: nativeVerifySignature,
    }),
  );
  await host.handle({
    protocol: INFER_PROTOCOL,
    maxStreams: 64,
    maxFrameBytes: MAX_INFER_FRAME_BYTES,
    idleMs: 120_000,
    ticketed: true,
    handler: async (stream) => {
      if (malice.infer === undefined) await service.serveInfer(stream);
      else await malice.infer(stream);
    },
  });
  await host.handle({
    protocol: AUDIT_PROTOCOL,
    maxStreams: 8,
    maxFrameBytes: MAX_AUDIT_FRAME_BYTES,
    handler: service.serveAudit,
  });
  const { engineClassId, modelId } = honest.describe();
  host.announce({ role: 'worker', participant: account.address, engineClass: engineClassId, models: [modelId] });
  output({ json: true })().data({ event: 'ready', multiaddrs: host.addresses() }, () => '');
  stopping.add('worker', () => stack.disposeAsync());
  await stopping.stopped;
}
