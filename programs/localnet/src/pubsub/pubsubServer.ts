import type { Server } from 'node:http';
import type { Logger } from '@karmesh/sdk/runtime';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Ledger } from '../ledger/ledger.ts';
import { maxBodyBytes } from '../rpc/httpServer.ts';
import { toRpcJson } from '../rpc/json.ts';
import { answerJsonRpc, type CallMethod } from '../rpc/jsonRpc.ts';
import { invalidParams, RpcError, rpcCodes } from '../rpc/rpcError.ts';
import { type Subscription, subscriptions } from './subscription.ts';

export type PubsubParts = { readonly server: Server; readonly ledger: Ledger; readonly log: Pick<Logger, 'error'> };

const maxSubscriptionsPerSocket = 10_000;

/** A client that does not read is cut off when this much waits for it. */
const maxBufferedBytes = 16 * 2 ** 20;

/** Serves subscriptions on a server's upgrades until it is disposed of, which ends every connection. */
export function servePubsub({ server, ledger, log }: PubsubParts): AsyncDisposable {
  const sockets = new WebSocketServer({ server, maxPayload: maxBodyBytes });
  let nextId = 0;
  sockets.on('error', (err) => log.error({ err }, 'The websocket server failed.'));
  sockets.on('connection', (socket) => {
    const connection = connect({ socket, ledger, log, id: () => nextId++ });
    const unsubscribe = ledger.subscribe(connection.update);
    socket.on('close', unsubscribe);
    // A protocol error is the client's; the socket closes by itself.
    socket.on('error', () => socket.terminate());
  });
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}

type ConnectParts = {
  readonly socket: WebSocket;
  readonly ledger: Ledger;
  readonly log: Pick<Logger, 'error'>;
  readonly id: () => number;
};

function connect({ socket, ledger, log, id }: ConnectParts): { update: Parameters<Ledger['subscribe']>[0] } {
  const active = new Map<number, Subscription>();
  /** Those that the message in hand opens. They begin once the client knows their ids. */
  let opened: [number, Subscription][] = [];

  const send = (value: unknown): void => {
    if (socket.bufferedAmount > maxBufferedBytes) socket.terminate();
    else socket.send(toRpcJson(value));
  };

  const tell = (subscription: number, { notifies }: Subscription, notes: ReturnType<Subscription['notify']>): void => {
    for (const { result, last } of notes) {
      send({ jsonrpc: '2.0', method: notifies, params: { result, subscription } });
      if (last === true) active.delete(subscription);
    }
  };

  const call: CallMethod = (method, params) => {
    const subscribe = method.endsWith('Subscribe')
      ? subscriptions.get(method.slice(0, -'Subscribe'.length))
      : undefined;
    if (subscribe !== undefined) {
      if (active.size >= maxSubscriptionsPerSocket) {
        throw new RpcError(rpcCodes.internal, 'The connection has too many subscriptions.');
      }
      const subscription = id();
      opened.push([subscription, subscribe(params)]);
      return subscription;
    }
    if (method.endsWith('Unsubscribe') && subscriptions.has(method.slice(0, -'Unsubscribe'.length))) {
      if (typeof params[0] !== 'number' || !active.delete(params[0])) throw invalidParams('Invalid subscription id.');
      return true;
    }
    throw new RpcError(rpcCodes.methodNotFound, 'Method not found');
  };

  const receive = async (text: string): Promise<void> => {
    opened = [];
    const reply = await answerJsonRpc(text, { call, log });
    if (reply !== undefined) send(reply);
    for (const [subscription, each] of opened) {
      active.set(subscription, each);
      tell(subscription, each, each.initial?.(ledger) ?? []);
    }
  };

  let last = Promise.resolve();
  socket.on('message', (data) => {
    const text = data.toString();
    last = last.then(() => receive(text)).catch((err: unknown) => log.error({ err }, 'A websocket message failed.'));
  });

  return {
    update: (update) => {
      for (const [subscription, each] of active) tell(subscription, each, each.notify(update, ledger));
    },
  };
}
