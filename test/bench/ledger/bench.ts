import { everyInstruction } from '../../program/everyInstruction.ts';
import { liteSvmLedger } from '../../program/ledger/liteSvmLedger.ts';
import { type BenchReport, type BenchRow, benchRow, loadNow } from '../report.ts';
import { type EpochCost, epochCosts, MARKET } from './epochCost.ts';
import { feeMeter, type Spent } from './feeMeter.ts';
import { accountPerReceipt, type RivalCost, treeAppend } from './rivals.ts';

/** Receipts of an epoch, by which the ledger's cost is divided. */
const SIZES = [1_000, 1_000_000];
/** Lamports that a receipt may cost at the larger size. */
const AIM_LAMPORTS = 55;
/** Compute units that what every epoch asks of every validator and worker may take. */
const AIM_UNITS = 10_000;
/** So many receipts of a rival are sent; each costs what the one before did. */
const RIVAL_RECEIPTS = 3_000;
/** A claim's path has this many levels in the worst case. */
const DEEP = 'depth 20';

/**
 * `npm run bench -- ledger`: compute units and lamports of every instruction, and what the chain costs for each receipt, beside ledgers
 * that write every receipt to the chain. All of it runs on the real program in process; fees are read off balances.
 */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  talk('Every instruction …');
  const instructions = await measureInstructions();
  talk(table(instructions));
  const costs = await epochCosts(liteSvmLedger(), SIZES, talk);
  for (const cost of costs) talk(costLines(cost));
  talk('Rivals …');
  const accounts = await accountPerReceipt(liteSvmLedger(), RIVAL_RECEIPTS);
  const appends = await treeAppend(liteSvmLedger(), RIVAL_RECEIPTS);

  const units = ['postRoot', 'attest', `claim, ${DEEP}`].map((what) =>
    benchRow({
      what: `${what}: compute units`,
      ours: Number(instructions.get(what)?.units),
      rivalName: 'the aim',
      rival: AIM_UNITS,
      unit: 'CU',
      atMost: 1,
    }),
  );
  const rows = [...units, ...costs.flatMap((cost) => rowsOf(cost, accounts, appends))];
  return { bench: 'ledger', load: `${before} before, ${loadNow()} after`, rows };
}

async function measureInstructions(): Promise<ReadonlyMap<string, Spent>> {
  const meters: { readonly name: string | undefined; readonly take: () => ReadonlyMap<string, Spent> }[] = [];
  await everyInstruction((ledger, name) => {
    const meter = feeMeter(ledger, { single: true });
    meters.push({ name, take: meter.take });
    return meter.ledger;
  });
  const all = new Map<string, Spent>();
  for (const { name, take } of meters) {
    for (const [instruction, spent] of take()) {
      const what = name === undefined ? instruction : `${instruction}, ${name}`;
      const known = all.get(what);
      if (known === undefined || spent.units > known.units) all.set(what, spent);
    }
  }
  all.delete('other');
  return all;
}

function rowsOf(cost: EpochCost, accounts: RivalCost, appends: RivalCost): readonly BenchRow[] {
  const { receipts, claims, spent } = cost;
  const of = `${receipts} receipts, ${claims} claims`;
  const ours = Number(spent.fees) / receipts;
  const rivals = [
    { name: `an account each (${accounts.perTransaction} a transaction)`, cost: accounts },
    { name: `a tree append (${appends.perTransaction} a transaction)`, cost: appends },
  ];
  const aim = { what: `${of}: spent for each`, ours, rivalName: 'the aim', rival: AIM_LAMPORTS, unit: 'lamports' };
  return [
    ...(receipts === Math.max(...SIZES) ? [benchRow({ ...aim, atMost: 1 })] : []),
    ...rivals.map(({ name, cost: rival }) =>
      benchRow({
        what: `${of}: spent for each`,
        ours,
        rivalName: name,
        rival: Number(rival.spent.fees) / rival.receipts,
        unit: 'lamports',
      }),
    ),
    benchRow({
      what: `${of}: rent left behind for each`,
      ours: Number(spent.locked) / receipts,
      rivalName: 'an account each',
      rival: Number(accounts.spent.locked) / accounts.receipts,
      unit: 'lamports',
    }),
  ];
}

function table(instructions: ReadonlyMap<string, Spent>): string {
  const rows = [...instructions].map(([name, { units, fees, locked, transactions }]) => [
    name,
    String(units),
    String(fees / BigInt(transactions)),
    String(locked),
  ]);
  const head = ['instruction', 'CU', 'fee', 'rent'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = ([name = '', ...numbers]: readonly string[]): string =>
    [name.padEnd(widths[0] ?? 0), ...numbers.map((number, i) => number.padStart(widths[i + 1] ?? 0))].join('  ');
  return [line(head), ...rows.map(line)].join('\n');
}

function costLines({ receipts, byInstruction }: EpochCost): string {
  const { workers, validators, gateways, escrowsPerGateway } = MARKET;
  const market = `${workers} workers, ${validators} validators, ${gateways} gateways with ${escrowsPerGateway} escrows each`;
  const parts = [...byInstruction]
    .sort(([, a], [, b]) => Number(b.fees - a.fees))
    .map(([name, { transactions, fees }]) => `  ${name}: ${transactions} transactions, ${fees} lamports`);
  return [`${receipts} receipts; ${market}:`, ...parts].join('\n');
}
