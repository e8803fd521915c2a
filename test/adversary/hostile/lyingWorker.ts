import { runHostileWorker } from './hostileWorker.ts';
import { lyingEngine } from './lyingEngine.ts';

await runHostileWorker({ engine: lyingEngine });
