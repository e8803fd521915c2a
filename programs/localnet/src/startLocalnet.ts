import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { acquireLockFile, type Logger, logger, storeError } from '@karmesh/sdk/runtime';
import { parseAddress } from './base58.ts';
import { createEngine } from './ledger/engine.ts';
import { type Ledger, type LedgerParts, openLedger } from './ledger/ledger.ts';
import { close, listenPair } from './listenPair.ts';
import { servePubsub } from './pubsub/pubsubServer.ts';
import { callMethod } from './rpc/callMethod.ts';
import { createHttpServer } from './rpc/httpServer.ts';
import { slotTimer } from './slotTimer.ts';
import { folderStore } from './store/folderStore.ts';
import { createGenesis, openGenesis, readProgram } from './store/genesis.ts';
import { memoryStore } from './store/ledgerStore.ts';

export type LocalnetOptions = {
  /** Where the cluster lives; without one it is forgotten when it ends. */
  readonly dataDir?: string | undefined;
  /** Milliseconds, 400 unless told; `manual` leaves the slots to `tick`. */
  readonly slotMs?: number | 'manual';
  /** The RPC's port; the websocket takes the next one. 0, the default, finds a free pair. */
  readonly port?: number;
  /** Who can reach the cluster: 127.0.0.1 unless told. Whoever can has the faucet. */
  readonly host?: string;
  /** SBF programs that are there from the first slot. */
  readonly programs?: readonly { readonly id: string; readonly path: string }[];
  /** How much the log may grow before it is restated, in bytes; 32 MiB unless told. */
  readonly maxLogBytes?: number;
  /** How many transactions are remembered, 20,000 unless told. */
  readonly maxTransactions?: number;
};

export type LocalnetParts = {
  readonly log?: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly onStage?: LedgerParts['onStage'];
};

export type Localnet = AsyncDisposable & {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly genesisHash: string;
  /** Ends this many slots, one unless told; resolves to the slot that then is. */
  tick(slots?: number): Promise<number>;
};

/**
 * Starts a local Solana cluster in this process: LiteSVM behind Solana's JSON-RPC and its websocket. What it confirmed survives
 * `kill -9` if it has a data folder.
 *
 * @throws KarmeshError `STORE_LOCKED`, `STORE_FAILED`, `DISK_FULL`, `PROGRAM_MISMATCH`, `CONFIG_INVALID`.
 */
export async function startLocalnet(options: LocalnetOptions = {}, parts: LocalnetParts = {}): Promise<Localnet> {
  const { slotMs = 400, port = 0, host = '127.0.0.1' } = options;
  const { log = logger({ name: 'localnet', level: 'error' })(), now = Date.now, onStage } = parts;
  await using stack = new AsyncDisposableStack();

  const ledger = await openLedgerOf(options, { log, now, onStage }, stack);
  const context = { ledger, identity: ledger.faucet.address };
  const http = createHttpServer({ call: callMethod(context), log });
  const ws = createServer((_request, response) => {
    response.writeHead(426).end();
  });
  const rpcPort = await listenPair(http, ws, { host, port });
  stack.defer(() => close(http));
  stack.defer(() => close(ws));
  stack.use(servePubsub({ server: ws, ledger, log }));
  if (slotMs !== 'manual') {
    stack.use(slotTimer({ slotMs })({ advance: ledger.advance, now: () => performance.now(), log }));
  }

  const running = stack.move();
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    rpcUrl: `http://${name}:${rpcPort}`,
    wsUrl: `ws://${name}:${rpcPort + 1}`,
    genesisHash: ledger.genesis.hash,
    tick: async (slots = 1) => {
      for (let done = 0; done < slots; done += 1) await ledger.advance();
      return ledger.slot();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function openLedgerOf(
  { dataDir, programs = [], maxLogBytes = 32 * 2 ** 20, maxTransactions = 20_000 }: LocalnetOptions,
  { log, now, onStage }: Required<Pick<LocalnetParts, 'log' | 'now'>> & Pick<LocalnetParts, 'onStage'>,
  stack: AsyncDisposableStack,
): Promise<Ledger> {
  const loaded = await Promise.all(
    programs.map(({ id, path }) => {
      const address = parseAddress(id);
      if (address === undefined) {
        throw new KarmeshError('CONFIG_INVALID', "A program's id is no address of 32 bytes in base58.", { id });
      }
      return readProgram({ id: address, path });
    }),
  );
  const createdAt = Math.floor(now() / 1_000);
  if (dataDir === undefined) {
    const genesis = createGenesis(loaded, createdAt);
    const engine = createEngine();
    return stack.use(
      await openLedger({ maxTransactions })({ engine, store: memoryStore(), genesis, now, log, onStage }),
    );
  }
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw storeError(dataDir, cause);
  }
  stack.use(await acquireLockFile(join(dataDir, 'lock')));
  const genesis = await openGenesis(dataDir, loaded, createdAt);
  const store = stack.use(await folderStore({ folder: dataDir, maxLogBytes })());
  return stack.use(
    await openLedger({ maxTransactions })({ engine: createEngine(), store, genesis, now, log, onStage }),
  );
}
