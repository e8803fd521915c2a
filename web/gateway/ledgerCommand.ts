import { chooseCluster, clusterSettings } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Address, createProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { command, generateKeypair, output } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { z } from 'zod';
import { balances } from './payments/ledger/balances.ts';
import { checkBooks } from './payments/ledger/checkBooks.ts';
import { compareWithChain, type EscrowStanding, type LedgerChain } from './payments/ledger/compareWithChain.ts';
import { ledgerChain } from './payments/ledger/ledgerChain.ts';
import { differenceLine } from './payments/ledger/ledgerDifference.ts';
import type { Sql } from './store/db.ts';
import { onStore, type StoreAction, storeSettings, unknownAction } from './storeCommand.ts';

/**
 * `karmesh-gateway ledger check [--chain] | show [PREFIX]`: recomputes the ledger, compares it with the chain, and shows its balances. Throws `LEDGER_WRONG` where it is
 * not what it stands for, after it has printed what differs; `CONFIG_INVALID`, `STORE_LOCKED`, `STORE_UNREACHABLE`, `STORE_FAILED`; with the chain `RPC_UNREACHABLE`,
 * `RPC_FAILED`.
 */
export const ledgerCommand = command({
  program: 'karmesh gateway ledger',
  summary: 'Shows the balances of the gateway’s ledger, and checks them against all that they stand for.',
  section: 'gateway',
  schema: z.object({
    ...storeSettings,
    ...clusterSettings,
    chain: z
      .boolean()
      .default(false)
      .meta({ description: 'check also compares with the cluster what escrows paid and what came in as deposits' }),
  }),
  positionals: [
    { name: 'action', description: 'check or show' },
    { name: 'prefix', description: 'how the names of the accounts to show begin; all unless told', optional: true },
  ],
  async run({ config, positionals: [action, prefix] }, { signal }) {
    const { data } = output({ json: config.json })();
    if (action === 'check') {
      const checked = await onStore(config, check(config.chain ? await chainOf(config, { signal }) : undefined));
      data(checked.value, () => checked.text);
      const { differences } = checked.value;
      const [first] = differences;
      if (first !== undefined)
        throw new KarmeshError('LEDGER_WRONG', 'The ledger is not what it stands for.', {
          differences: differences.length,
          ...first,
        });
      return 0;
    }
    const shown = await onStore(config, actionOf(action, prefix));
    data(shown.value, () => shown.text);
    return 0;
  },
});

function actionOf(action: string | undefined, prefix: string | undefined): StoreAction {
  if (action !== 'show') throw unknownAction('the ledger', action, ['check', 'show']);
  return async (sql) => {
    const found = await balances(sql, prefix);
    return { value: found, text: found.map(({ account, lamports }) => `${account.padEnd(64)} ${lamports}`).join('\n') };
  };
}

type ChainToCompare = { readonly chain: LedgerChain; readonly ignored: readonly Address[] };

async function chainOf(
  config: Parameters<typeof chooseCluster>[0],
  options: { readonly signal: AbortSignal },
): Promise<ChainToCompare> {
  const { programId, rpcUrl } = await chooseCluster(config);
  const connection = new Connection(rpcUrl, 'confirmed');
  // It only reads, and signs nothing.
  const client = createProgramClient({ connection, programId, payer: transactionSigner(generateKeypair()) });
  await client.checkCluster(options);
  return { chain: ledgerChain(client, connection, options), ignored: [programId] };
}

const check = (compared: ChainToCompare | undefined) => async (sql: Sql) => {
  const books = await checkBooks(sql);
  const chain = compared === undefined ? undefined : await compareWithChain(sql, compared.chain, compared);
  const differences = [...books.differences, ...(chain?.differences ?? [])];
  const { movements, postings } = books;
  const { escrows = [], transactions } = chain ?? {};
  return {
    value: { movements, postings, escrows, transactions, differences },
    text: [
      ...differences.map(differenceLine),
      `${movements} movements with ${postings} postings ${books.differences.length === 0 ? 'are what they stand for' : 'were checked'}.`,
      ...escrows.map(escrowLine),
      ...(transactions === undefined ? [] : [`${transactions} transactions of deposit addresses were compared.`]),
    ].join('\n'),
  };
};

function escrowLine({ debited, escrow, open, priced }: EscrowStanding): string {
  const entries = `${priced} lamports of entries`;
  if (debited === undefined) return `Escrow ${escrow} is closed; it had ${entries}.`;
  return `Escrow ${escrow}: ${entries}, ${debited} taken by the chain, ${open} in epochs that are not final, ${priced - open - debited} passed over or settled later.`;
}
