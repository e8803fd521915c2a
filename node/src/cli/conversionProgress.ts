import type { Output } from '@karmesh/sdk/runtime';
import type { ConversionProgress } from '../engines/exact/convert/modelBytes.ts';

const WIDTH = 30;

const WORDS: Readonly<Record<ConversionProgress['step'], string>> = {
  hash: 'Hashing the model',
  convert: 'Converting',
  check: 'Checking the result',
};

/** Shows how far a conversion is as one line that is drawn anew at each percent. */
export function conversionProgress(talk: Pick<Output, 'progress'>): (progress: ConversionProgress) => void {
  let shown = '';
  return ({ step, done, total }) => {
    const share = total === 0 ? 1 : done / total;
    const filled = Math.floor(share * WIDTH);
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    const line = `${WORDS[step]} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${percent} %`;
    if (line === shown) return;
    shown = line;
    talk.progress(line);
  };
}
