import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exactModelFile } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { toHex } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { mountSmallDisk, whyNoSmallDisk } from '../harness/smallDisk.ts';

const why = await whyNoSmallDisk();

test.skipIf(why !== undefined)(
  `a conversion that fills the disk says so and leaves nothing behind${why === undefined ? '' : ` (${why})`}`,
  async () => {
    await using disk = await mountSmallDisk(8);
    const cacheFolder = join(disk.path, 'cache');
    const filler = join(disk.path, 'filler');
    // The converted model takes 3.4 MiB, so that 2 MiB end in the middle of it.
    await writeFile(filler, Buffer.alloc(6 << 20));
    await expect(exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder })).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: 'The disk is full; nothing was changed.',
    });
    expect((await readdir(cacheFolder)).filter((name) => !name.endsWith('.held'))).toEqual([]);
    await rm(filler);
    const made = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder });
    expect([made.cached, toHex(made.manifest.fileHash)]).toEqual([
      false,
      '2147d9c241862824e5b3c63b5d7dae7be1a943003451de65705cb1a26a721d64',
    ]);
  },
);
