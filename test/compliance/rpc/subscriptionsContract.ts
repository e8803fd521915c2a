import { type Connection, Keypair } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { mintInstructions, sendSigned, tokenProgram } from './chainSteps.ts';
import type { Fixture } from './fixture.ts';
import { signed, transfer } from './wallet.ts';

/** What the websocket tells. */
export function subscriptionsContract(fixture: () => Fixture): void {
  describe('subscriptions', () => {
    test('tells of accounts, programs, logs and signatures', async () => {
      const { connection, payer } = fixture();
      const to = Keypair.generate().publicKey;
      const mint = Keypair.generate();
      const account = Promise.withResolvers<number>();
      const program = Promise.withResolvers<string>();
      const logs = Promise.withResolvers<{ signature: string; err: unknown; logs: readonly string[] }>();
      const ids = [
        connection.onAccountChange(to, ({ lamports }) => account.resolve(lamports)),
        connection.onLogs(to, (told) => logs.resolve(told)),
        connection.onProgramAccountChange(tokenProgram, ({ accountId }) => program.resolve(accountId.toBase58()), {
          filters: [{ memcmp: { offset: 4, bytes: payer.publicKey.toBase58() } }],
        }),
      ] as const;
      await subscribed(connection, ids);
      const sent = await signed({
        connection,
        payer,
        signers: [mint],
        instructions: [
          transfer(payer.publicKey, to, 1_000_000),
          ...(await mintInstructions(connection, payer.publicKey, mint.publicKey)),
        ],
      });
      const signature = await sendSigned(connection, sent);
      expect(await account.promise).toBe(1_000_000);
      expect(await program.promise).toBe(mint.publicKey.toBase58());
      expect(await logs.promise).toMatchObject({ signature, err: null });
      expect((await logs.promise).logs[0]).toBe('Program 11111111111111111111111111111111 invoke [1]');

      // A signature that has already landed is told at once.
      const told = Promise.withResolvers<unknown>();
      connection.onSignature(signature, (result) => told.resolve(result));
      expect(await told.promise).toEqual({ err: null });
      await connection.removeAccountChangeListener(ids[0]);
      await connection.removeOnLogsListener(ids[1]);
      await connection.removeProgramAccountChangeListener(ids[2]);
    });

    test('answers wrong subscriptions as a validator does', async () => {
      const { cluster } = fixture();
      const answers = await socketAnswers(cluster.wsUrl, [
        { jsonrpc: '2.0', id: 1, method: 'logsSubscribe', params: [{ mentions: ['a', 'b'] }] },
        { jsonrpc: '2.0', id: 2, method: 'nope', params: [] },
        { jsonrpc: '2.0', id: 3, method: 'slotUnsubscribe', params: [999_999] },
        { jsonrpc: '2.0', method: 'ping' },
        '{',
        { jsonrpc: '2.0', id: 4, method: 'rootSubscribe' },
      ]);
      expect(answers).toEqual([
        { jsonrpc: '2.0', error: { code: -32_602, message: 'Invalid Request: Only 1 address supported' }, id: 1 },
        { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: 2 },
        { jsonrpc: '2.0', error: { code: -32_602, message: 'Invalid subscription id.' }, id: 3 },
        { jsonrpc: '2.0', error: { code: -32_700, message: 'Parse error' }, id: null },
        { jsonrpc: '2.0', result: expect.any(Number), id: 4 },
      ]);
    });
  });
}

/** web3.js subscribes in the background; what happens before the server knows is not told. */
async function subscribed(connection: Connection, ids: readonly number[]): Promise<void> {
  await Promise.all(
    ids.map((id) => {
      const active = Promise.withResolvers<void>();
      const hooks = connection as unknown as {
        _onSubscriptionStateChange(id: number, listener: (state: string) => void): () => void;
      };
      hooks._onSubscriptionStateChange(id, (state) => {
        if (state === 'subscribed') active.resolve();
      });
      return active.promise;
    }),
  );
}

/** Sends messages over one websocket and resolves to as many answers as the last message's comes as. */
async function socketAnswers(wsUrl: string, messages: readonly (object | string)[]): Promise<readonly unknown[]> {
  const socket = new WebSocket(wsUrl);
  const answers: { id?: unknown }[] = [];
  const done = Promise.withResolvers<void>();
  const last = messages.at(-1) as { id: unknown };
  socket.onmessage = ({ data }) => {
    const answer = JSON.parse(String(data)) as { id?: unknown };
    if ('id' in answer) answers.push(answer);
    if (answer.id === last.id) done.resolve();
  };
  socket.onopen = () => {
    for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  };
  socket.onerror = () => done.reject(new Error('The websocket failed.'));
  await done.promise;
  socket.close();
  return answers;
}
