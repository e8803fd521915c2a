import { createHost } from '@karmesh/sdk/network';
import {
  BATCHES_PROTOCOL,
  batchesAnswerCodec,
  batchesAskCodec,
  batchRecord,
  decode,
  encode,
  hash,
  MAX_BATCHES_FRAME_BYTES,
  type Signed,
  signedCodec,
  signRecord,
  u64,
} from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { serveBatches } from './serveBatches.ts';
import { openTestDatabase } from './store/fixtures/testDatabase.ts';

const domain = new Uint8Array(32).fill(7);

test('I-09: a peer that was away gets the headers that it missed, 256 at a time', async () => {
  const signal = AbortSignal.timeout(30_000);
  await using database = await openTestDatabase();
  const { db } = database;
  const keypair = generateKeypair();
  const headers = Array.from({ length: 300 }, (_, i) =>
    signRecord(
      batchRecord,
      { domain, signer: keypair },
      {
        producer: new Uint8Array(32).fill(1),
        sequence: BigInt(i + 1),
        epoch: i < 3 ? 4n : 5n,
        merkleRoot: new Uint8Array(32).fill(2),
        bodyHash: hash(encode(u64, BigInt(i))),
        count: 1,
        issuedAtMs: 20n,
      },
    ),
  );
  const rows = headers.map((signed) => ({
    gateway: db.gateway,
    sequence: signed.value.sequence,
    epoch: signed.value.epoch,
    body_hash: signed.value.bodyHash,
    header: encode(signedCodec(batchRecord), signed),
    published_at_ms: 21n,
  }));
  await db.sql.insertInto('batches').values(rows).execute();
  await using gateway = await createHost({ keypair, domain, localnet: true });
  await using validator = await createHost({ keypair: generateKeypair(), domain, localnet: true });
  const stop = await serveBatches({ host: gateway, db });
  const peer = await validator.connect(gateway.addresses(), { signal });

  const ask = async (epoch: bigint, after: bigint): Promise<readonly Signed<unknown>[]> => {
    const options = { peer, protocol: BATCHES_PROTOCOL, maxFrameBytes: MAX_BATCHES_FRAME_BYTES };
    await using stream = await validator.openStream(options, { signal });
    await stream.send(encode(batchesAskCodec, { epoch, after }), { signal });
    return decode(batchesAnswerCodec, (await stream.receive({ signal })) ?? new Uint8Array()).headers;
  };
  expect(await ask(0n, 0n)).toEqual(headers.slice(0, 256));
  expect(await ask(0n, 256n)).toEqual(headers.slice(256));
  expect(await ask(5n, 0n)).toEqual(headers.slice(3, 259));
  expect(await ask(5n, 300n)).toEqual([]);
  expect(await ask(2n ** 64n - 1n, 2n ** 64n - 1n)).toEqual([]);
  await stop();
});
