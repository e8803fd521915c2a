import type { Migration, MigrationProvider } from 'kysely/migration';
import { logMigration } from '../log/migration.ts';
import { first } from './migrations/0001First.ts';
import { gateways } from './migrations/0002Gateways.ts';
import { accounts } from './migrations/0003Accounts.ts';
import { ledger } from './migrations/0004Ledger.ts';
import { allowances } from './migrations/0005Allowances.ts';
import { idempotency } from './migrations/0006Idempotency.ts';
import { jobs } from './migrations/0007Jobs.ts';
import { deposits } from './migrations/0009Deposits.ts';
import { x402 } from './migrations/0010X402.ts';
import { owedCharges } from './migrations/0011OwedCharges.ts';
import { idempotencyRuns } from './migrations/0012IdempotencyRuns.ts';
import { sessions } from './migrations/0013Sessions.ts';
import { paymentBlockhash } from './migrations/0014PaymentBlockhash.ts';
import { vouchers } from './migrations/0015Vouchers.ts';
import { depositRange } from './migrations/0016DepositRange.ts';

/** Applied in the order of their names. An applied migration never changes; a change is a new one. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-gateways': gateways,
  '0003-accounts': accounts,
  '0004-ledger': ledger,
  '0005-allowances': allowances,
  '0006-idempotency': idempotency,
  '0007-jobs': jobs,
  '0008-log': logMigration,
  '0009-deposits': deposits,
  '0010-x402': x402,
  '0011-owed-charges': owedCharges,
  '0012-idempotency-runs': idempotencyRuns,
  '0013-sessions': sessions,
  '0014-payment-blockhash': paymentBlockhash,
  '0015-vouchers': vouchers,
  '0016-deposit-range': depositRange,
};

export const migrationProvider: MigrationProvider = { getMigrations: () => Promise.resolve({ ...migrations }) };
