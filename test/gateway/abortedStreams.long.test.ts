import { describe, test } from 'vitest';
import { hasPostgres } from '../../web/gateway/store/fixtures/startPostgres.ts';
import { abortedStreams } from './abortedStreams/abortedStreams.ts';

describe.skipIf(!hasPostgres)('two gateways on one PostgreSQL database (needs pg_ctl on this machine)', () => {
  test('10,000 streams that are left at random tokens, one gateway killed ten times and one held up: the bills are what was signed, written and settled', {
    timeout: 3_600_000,
  }, async () => {
    await abortedStreams({ count: 10_000, kills: 10, stalls: 10 });
  });
});
