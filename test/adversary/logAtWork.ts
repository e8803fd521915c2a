import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type TicketVerdict, verifyTicket } from '@karmesh/sdk/client';
import { systemClock } from '@karmesh/sdk/clock';
import { createHost } from '@karmesh/sdk/network';
import {
  cosignerName,
  equalBytes,
  formatOrigin,
  type NoteKey,
  type Signed,
  signRecord,
  type Ticket,
  ticketRecord,
} from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { type CosignerStore, cosignerPath, openCosignerStore } from '../../validator/src/cosigner/cosignerStore.ts';
import { openCosigner } from '../../validator/src/cosigner/openCosigner.ts';
import { type GatewayLog, openLog } from '../../web/gateway/log/openLog.ts';
import { toApiError } from '../../web/gateway/openai/apiError.ts';
import { openTestDatabase, type TestDatabase } from '../../web/gateway/store/fixtures/testDatabase.ts';

const domain = new Uint8Array(32).fill(7);
/** Whose test databases are. */
const gateway = new Uint8Array(32).fill(2);
const silent = { debug: () => {}, warn: () => {}, error: () => {} };

/** A gateway’s log over a database of its own. */
export interface RunningLog extends AsyncDisposable {
  readonly log: GatewayLog;
  readonly database: TestDatabase;
  /** Signs a ticket and lets it enter, `lateMs` after it was sold. */
  sell(lane: number, account: number, lateMs?: number): Signed<Ticket>;
  start(ticket: Signed<Ticket>): void;
  leave(ticket: Signed<Ticket>): void;
  /** What the buyer of a ticket finds, once a checkpoint has all events so far. `change` may alter what the gateway answers to a path. */
  verify(ticket: Signed<Ticket>, change?: (path: string, body: string) => string): Promise<TicketVerdict>;
}

/** Validators with their real network, and a gateway that opens as many logs as it likes. */
export interface LogAtWork extends AsyncDisposable {
  readonly origin: string;
  readonly identity: Uint8Array;
  readonly validators: readonly NoteKey[];
  /** What a validator has on disk. */
  store(validator: number): CosignerStore;
  /** Opens a log that these validators are asked to cosign, on the database of one that was closed or on one of its own. */
  open(validators: readonly number[], on?: RunningLog): Promise<RunningLog>;
}

export async function logAtWork(options: { readonly validators: number }): Promise<LogAtWork> {
  const signal = AbortSignal.timeout(280_000);
  await using stack = new AsyncDisposableStack();
  const keypair = generateKeypair();
  const host = stack.use(await createHost({ keypair, domain, localnet: true }));
  const folders: string[] = [];
  const validators: NoteKey[] = [];
  for (let i = 0; i < options.validators; i++) {
    const signer = generateKeypair();
    const me = new Uint8Array(32).fill(10 + i);
    const folder = await mkdtemp(join(tmpdir(), 'karmesh-cosigner-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    // All meet at the gateway's host, and hear of each other there.
    const peer = stack.use(await createHost({ keypair: signer, domain, localnet: true, bootstrap: host.addresses() }));
    await peer.connect(host.addresses(), { signal });
    stack.use(
      await openCosigner({ folder, compareMs: 100 })({
        domain,
        me,
        signer,
        host: peer,
        gatewayKeys: (address) => (equalBytes(address, gateway) ? [keypair.publicKey] : []),
        maySign: () => true,
        verify: nativeVerifySignature,
        nowMs: () => Date.now(),
        sleep: (ms, signalled) => pause(ms, undefined, signalled),
        log: silent,
      }),
    );
    peer.announce({ role: 'validator', participant: me });
    folders.push(folder);
    validators.push({ name: cosignerName(me), identity: signer.publicKey });
  }
  const owned = stack.move();

  async function open(asked: readonly number[], on?: RunningLog): Promise<RunningLog> {
    await using opening = new AsyncDisposableStack();
    const database = on?.database ?? opening.use(await openTestDatabase());
    const { db } = database;
    const cosigners = validators.filter((_, i) => asked.includes(i));
    const log = opening.use(
      await openLog(
        { capacity: 2 },
        {
          db,
          domain,
          signer: keypair,
          host,
          cosigners: () => cosigners,
          verify: nativeVerifySignature,
          clock: systemClock,
          log: silent,
        },
      ),
    );
    log.routes.onError((cause, context) => {
      const error = toApiError(cause);
      return context.json(error.body, error.status as 400);
    });
    const running = opening.move();
    let ticketNumber = log.lastTicketNumber;
    const hashOf = ({ value }: Signed<Ticket>) => ticketRecord.hash(domain, value);
    const atMs = (): bigint => BigInt(Date.now());
    return {
      log,
      database,
      sell(lane, account, lateMs = 0) {
        ticketNumber += 1n;
        const requestId = new Uint8Array(32).fill(Number(ticketNumber));
        const terms = {
          gateway,
          lane,
          priceCap: 1n,
          unitPrice: 0n,
          escrow: new Uint8Array(32),
          issuedAtMs: atMs() - BigInt(lateMs),
        };
        const ticket = signRecord(ticketRecord, { domain, signer: keypair }, { ...terms, requestId, ticketNumber });
        const accountTag = log.tagOf(new Uint8Array([account]));
        log.append({ kind: 'enter', ticketHash: hashOf(ticket), ticketNumber, lane, accountTag, atMs: atMs() });
        return ticket;
      },
      start: (ticket) =>
        log.append({
          kind: 'start',
          ticketHash: hashOf(ticket),
          ticketNumber: ticket.value.ticketNumber,
          atMs: atMs(),
        }),
      leave: (ticket) =>
        log.append({
          kind: 'leave',
          ticketNumber: ticket.value.ticketNumber,
          reason: 'finished',
          atMs: atMs(),
        }),
      async verify(ticket, change = (_, body) => body) {
        await log.flushed();
        const size = await sizeOf(log);
        const fetch: typeof globalThis.fetch = async (url, init) => {
          const { pathname, search } = new URL(`${url}`);
          const response = await log.routes.request(`${pathname}${search}`, init);
          return new Response(change(`${pathname}${search}`, await response.text()), response);
        };
        for (;;) {
          const about = { domain, ticket, gatewayKeys: [keypair.publicKey], validators, signal };
          const verdict = await verifyTicket({ url: 'http://gateway', fetch }, about);
          const isNewest = verdict.fate !== 'pending' && (verdict.size === undefined || verdict.size >= size);
          if (isNewest) return verdict;
          await pause(50, undefined, { signal });
        }
      },
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  }

  return {
    origin: formatOrigin({ domain, gateway }),
    identity: keypair.publicKey,
    validators,
    store: (validator) => openCosignerStore(cosignerPath(folders[validator] ?? '')),
    open,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Events on disk, by the refusal of one more than there are. */
async function sizeOf(log: GatewayLog): Promise<number> {
  for (let size = 1; ; size++) {
    const { status } = await log.routes.request(`/v1/log/entries?start=0&end=${size}`);
    if (status !== 200) return size - 1;
  }
}
