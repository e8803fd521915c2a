import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase58 } from '@karmesh/sdk/program';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { Transaction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { type Cluster, type ClusterKind, startCluster } from '../harness/cluster.ts';
import { PROGRAM_FILE } from '../program/ledger/programFile.ts';
import { openDeployer } from './deployer.ts';
import { faultyRpc, type RpcRequest } from './faultyRpc.ts';

const TIMEOUT = { timeout: 240_000 };
const SIGNATURE = 5_000n;

async function opened(kind: ClusterKind, stack: AsyncDisposableStack, signal: AbortSignal) {
  const cluster: Cluster = stack.use(await startCluster({ kind, slotMs: 100 }));
  return { cluster, operator: stack.use(await openDeployer(cluster.rpcUrl, { signal })) };
}

const LOADER = 'BPFLoaderUpgradeab1e11111111111111111111111';
const WRITE_TAG = 1;

/** Whether a call sends a piece of the program into the buffer. */
function isWrite({ method, params }: RpcRequest): boolean {
  if (method !== 'sendTransaction') return false;
  const { instructions } = Transaction.from(Buffer.from(String(params?.[0]), 'base64'));
  return instructions.some(({ programId, data }) => programId.toBase58() === LOADER && data[0] === WRITE_TAG);
}

/** What `karmesh deploy` does on a cluster of this kind. */
export function deploySuite(kind: ClusterKind): void {
  test(
    'says what it costs, costs that to the lamport, and then has nothing left to do',
    TIMEOUT,
    async ({ signal }) => {
      await using stack = new AsyncDisposableStack();
      const { operator } = await opened(kind, stack, signal);
      const before = await operator.balance();
      const { data: plan } = await operator.deploy(['--dry-run']);
      expect(plan).toMatchObject({ dryRun: true, programId: operator.programId, balanceLamports: before.toString() });
      expect(await operator.balance()).toBe(before);
      expect(await operator.deploy([])).toMatchObject({
        code: 2,
        error: { code: 'CONFIG_INVALID', facts: { flag: '--yes' } },
      });

      const done = await operator.deploy(['--yes']);
      expect(done).toMatchObject({ code: 0, error: undefined, data: { programId: operator.programId } });
      expect(before - (await operator.balance())).toBe(BigInt(String(plan?.lamports)));

      const after = await operator.balance();
      expect(await operator.deploy(['--yes'])).toMatchObject({ code: 0, data: { sent: [] } });
      expect(await operator.balance()).toBe(after);
      const expected = {
        upgradeAuthority: toBase58(operator.payer.publicKey),
        epochZeroSlot: null,
        preset: 'localnet',
      };
      const check = ['--check', '--program-id', operator.programId];
      expect(await operator.deploy(check)).toMatchObject({ code: 0, error: undefined, data: expected });
    },
  );

  test(
    'killed among its writes it goes on with the same buffer and sends only what is missing',
    TIMEOUT,
    async ({ signal }) => {
      await using stack = new AsyncDisposableStack();
      const { cluster, operator } = await opened(kind, stack, signal);
      const before = await operator.balance();
      const { data: plan } = await operator.deploy(['--dry-run']);
      const steps = plan?.steps as { readonly step: string; readonly transactions: number }[];
      const pieces = steps.find(({ step }) => step === 'writeBuffer')?.transactions ?? 0;

      const kill = new AbortController();
      let writes = 0;
      await using first = await faultyRpc(cluster.rpcUrl, (request) => {
        if (isWrite(request) && ++writes === 50) kill.abort();
        return 'pass';
      });
      expect(await operator.deploy(['--yes'], { url: first.url, signal: kill.signal })).toMatchObject({ code: null });
      const sentBefore = first.calls.filter(isWrite).length;

      await using second = await faultyRpc(cluster.rpcUrl, () => 'pass');
      const resumed = await operator.deploy(['--yes'], { url: second.url });
      expect(resumed).toMatchObject({ code: 0, data: { sent: [{ step: 'deploy' }, { step: 'initialise' }] } });
      const sentAfter = second.calls.filter(isWrite).length;
      // What was on its way when the process died may be sent again, which costs its fee and nothing else.
      const twice = sentBefore + sentAfter - pieces;
      expect(twice).toBeGreaterThanOrEqual(0);
      expect(twice).toBeLessThanOrEqual(8 + 42);
      expect(sentAfter).toBeLessThan(pieces);
      const paid = before - (await operator.balance());
      const planned = BigInt(String(plan?.lamports));
      expect(paid).toBeGreaterThanOrEqual(planned);
      expect(paid).toBeLessThanOrEqual(planned + SIGNATURE * BigInt(twice));
    },
  );

  test(
    'a node that refuses in haste, swallows transactions and confirms nothing costs nothing more',
    TIMEOUT,
    async ({ signal }) => {
      await using stack = new AsyncDisposableStack();
      const { cluster, operator } = await opened(kind, stack, signal);
      const before = await operator.balance();
      const { data: plan } = await operator.deploy(['--dry-run']);
      await using faulty = await faultyRpc(cluster.rpcUrl, ({ method }, nth) => {
        if (nth % 4 === 1) return 'tooMany';
        if (method === 'sendTransaction' && nth % 5 === 0) return 'swallow';
        if (method !== 'getSignatureStatuses') return 'pass';
        return { bend: (result) => ({ ...(result as object), value: [null] }) };
      });
      const done = await operator.deploy(['--yes', '--timeout-ms', '2000'], { url: faulty.url });
      expect(done).toMatchObject({ code: 0, error: undefined, data: { programId: operator.programId } });
      // Each piece is in the buffer once. A step whose confirmation was lost is seen on the chain, and no lamport of rent is paid again.
      const most = BigInt(String(plan?.lamports)) + SIGNATURE * BigInt(faulty.count('sendTransaction'));
      const paid = before - (await operator.balance());
      expect(paid).toBeGreaterThanOrEqual(BigInt(String(plan?.lamports)));
      expect(paid).toBeLessThan(most);
    },
  );

  test(
    'pieces that never arrive are a coded error, and giving up brings the buffer’s lamports back',
    TIMEOUT,
    async ({ signal }) => {
      await using stack = new AsyncDisposableStack();
      const { cluster, operator } = await opened(kind, stack, signal);
      const before = await operator.balance();
      await using faulty = await faultyRpc(cluster.rpcUrl, (request) => (isWrite(request) ? 'swallow' : 'pass'));
      const stalled = await operator.deploy(['--yes', '--timeout-ms', '1500'], { url: faulty.url });
      expect(stalled).toMatchObject({ code: 1, error: { code: 'DEPLOY_STALLED' } });
      expect(await operator.deploy(['--close-buffer'])).toMatchObject({ code: 0, error: undefined });
      // Made by two signatures and closed by one.
      expect(before - (await operator.balance())).toBe(3n * SIGNATURE);
      expect(await operator.deploy(['--close-buffer'])).toMatchObject({ code: 0, data: { buffer: null } });
    },
  );

  test('other bytes than the hash names are refused, in the file and on the chain', TIMEOUT, async ({ signal }) => {
    await using stack = new AsyncDisposableStack();
    const { cluster, operator } = await opened(kind, stack, signal);
    const before = await operator.balance();
    const other = await operator.programLike('other.so', (program) => Buffer.concat([program, Buffer.from('more')]));
    const wrong = join(operator.folder, 'wrong.so');
    await writeFile(wrong, 'no program');
    await writeFile(`${wrong}.sha256`, `${'00'.repeat(32)}  wrong.so\n`);
    const mismatch = { code: 1, error: { code: 'PROGRAM_MISMATCH' } };
    expect(await operator.deploy(['--yes', '--program-file', wrong])).toMatchObject(mismatch);
    expect(await operator.balance()).toBe(before);

    const check = ['--check', '--program-id', operator.programId];
    expect(await operator.deploy(check)).toMatchObject(mismatch);
    expect(await operator.deploy(['--yes', '--program-file', other])).toMatchObject({ code: 0 });
    expect(await operator.deploy([...check, '--program-file', other])).toMatchObject({ code: 0 });
    expect(await operator.deploy(check)).toMatchObject(mismatch);

    // A node that shows other bytes, another cluster, or another Config than it was set up with.
    const bent = async (of: (request: RpcRequest) => ((result: never) => unknown) | undefined) => {
      await using liar = await faultyRpc(cluster.rpcUrl, (request) => {
        const bend = of(request);
        return bend === undefined ? 'pass' : { bend: bend as (result: unknown) => unknown };
      });
      return await operator.deploy([...check, '--program-file', other], { url: liar.url });
    };
    const flip = (account: number, byte: number) => (result: { value: { data: [string, string] }[] }) => {
      const data = Buffer.from(result.value[account]?.data[0] ?? '', 'base64');
      data.writeUInt8(data.readUInt8(byte) ^ 1, byte);
      const value = result.value.map((each, i) =>
        i === account ? { ...each, data: [data.toString('base64'), 'base64'] } : each,
      );
      return { ...result, value };
    };
    const accounts = ({ method }: RpcRequest) => method === 'getMultipleAccounts';
    expect(await bent((request) => (accounts(request) ? flip(1, 45) : undefined))).toMatchObject(mismatch);
    const parameters = 640 - 22 * 8;
    expect(await bent((request) => (accounts(request) ? flip(2, parameters) : undefined))).toMatchObject(mismatch);
    const genesis = toBase58(generateKeypair().publicKey);
    expect(await bent(({ method }) => (method === 'getGenesisHash' ? () => genesis : undefined))).toMatchObject({
      code: 1,
      error: { code: 'GENESIS_MISMATCH' },
    });
  });

  test(
    'upgrades with room to grow, hands over to another authority, and ends immutable',
    TIMEOUT,
    async ({ signal }) => {
      await using stack = new AsyncDisposableStack();
      const { operator } = await opened(kind, stack, signal);
      // Room for some more, and not for what comes.
      const maxBytes = (await stat(PROGRAM_FILE)).size + 10_000;
      expect(await operator.deploy(['--yes', '--max-bytes', String(maxBytes)])).toMatchObject({ code: 0 });

      const longer = await operator.programLike('longer.so', (program) =>
        Buffer.concat([program, Buffer.alloc(20_000, 1)]),
      );
      const upgraded = await operator.deploy(['--yes', '--program-file', longer]);
      expect(upgraded).toMatchObject({
        code: 0,
        data: { sent: [{ step: 'createBuffer' }, { step: 'extend' }, { step: 'upgrade' }] },
      });

      // Back to the program of before: what a roll-back is, as room never shrinks.
      expect(await operator.deploy(['--yes', '--start'])).toMatchObject({ code: 0 });
      const vault = toBase58(generateKeypair().publicKey);
      const given = await operator.deploy(['--yes', '--upgrade-authority', vault]);
      expect(given).toMatchObject({ code: 0, data: { upgradeAuthority: vault, sent: [{ step: 'setAuthority' }] } });
      const check = ['--check', '--program-id', operator.programId];
      expect(await operator.deploy([...check, '--upgrade-authority', vault])).toMatchObject({ code: 0 });
      expect(await operator.deploy([...check, '--final'])).toMatchObject({
        code: 1,
        error: { code: 'PROGRAM_MISMATCH' },
      });

      const proposed = await operator.deploy(['--yes', '--program-file', longer]);
      expect(proposed).toMatchObject({
        code: 0,
        data: { authority: vault, sent: [{ step: 'createBuffer' }, { step: 'handOver' }] },
      });
      expect(await operator.deploy(['--yes', '--final'])).toMatchObject({ code: 1, error: { code: 'DEPLOY_REFUSED' } });
    },
  );

  test('an immutable program is replaced by nobody', TIMEOUT, async ({ signal }) => {
    await using stack = new AsyncDisposableStack();
    const { operator } = await opened(kind, stack, signal);
    expect(await operator.deploy(['--yes', '--final'])).toMatchObject({ code: 0, data: { upgradeAuthority: null } });
    const other = await operator.programLike('other.so', (program) => Buffer.concat([program, Buffer.from('more')]));
    const before = await operator.balance();
    const refused = { code: 1, error: { code: 'DEPLOY_REFUSED' } };
    expect(await operator.deploy(['--yes', '--program-file', other])).toMatchObject(refused);
    expect(await operator.balance()).toBe(before);
  });
}
