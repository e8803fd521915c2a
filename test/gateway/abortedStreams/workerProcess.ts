import { setTimeout as pause } from 'node:timers/promises';
import { scriptedEngine } from '../../bench/gateway/scriptedEngine.ts';
import { serveWorker } from '../../bench/gateway/serveWorker.ts';
import { MS_PER_TOKEN, PIECES, PROMPT_TOKENS } from './answer.ts';

// A worker whose answer comes token by token, slowly enough to be left in its middle. Tells its parent where it is reached, and ends with it.
const [place = '0', beganMs = '0', folder = '', ...bootstrap] = process.argv.slice(2);

async function* say() {
  for (const piece of PIECES) {
    await pause(MS_PER_TOKEN);
    yield piece;
  }
}

const address = await serveWorker(
  { place: Number(place), beganMs: Number(beganMs), bootstrap, folder },
  ({ sequences }) => scriptedEngine({ sequences, pieces: PIECES, promptTokens: PROMPT_TOKENS, say }),
);
process.once('disconnect', () => process.exit(0));
process.send?.({ address });
