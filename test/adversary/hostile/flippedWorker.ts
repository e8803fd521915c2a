import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exactEngine } from '@karmesh/node/engines';
import { flipWeight } from '../../harness/flipWeight.ts';
import { FLIP } from './flip.ts';
import { runHostileWorker } from './hostileWorker.ts';

// A worker whose model differs from the one that it registered in the sign of one weight.
const cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-flipped-'));
const modelPath = join(cacheFolder, 'flipped.gguf');
await flipWeight(modelPath, FLIP);
const flipped = await exactEngine({ modelPath, cacheFolder });
await rm(cacheFolder, { recursive: true });
await runHostileWorker({ engine: (honest) => ({ ...flipped, describe: honest.describe }) });
