import { KarmeshError } from '@karmesh/sdk/errors';
import type { ModelSource } from '../convert/modelBytes.ts';
import type { ExactHeader, ExactLayerLayout, ExactLayout, ExactMatrix, ExactSection } from './exactFile.ts';
import { isNormFormat, type LayerFormats, type ModelFormats, readLayerFormats } from './layerFormats.ts';
import {
  checkBiasSection,
  checkMatrixSections,
  checkNormSection,
  checkScaleSection,
  type MatrixUse,
} from './sectionBounds.ts';

/** Fraction bits of the residual, and of q and k before their rotation. */
const RESIDUAL = 16;
const LOGITS = 20;
/** Rows whose multipliers are held at once. */
const ROWS = 1024;

/**
 * Reads all numbers of a converted model that have bounds, which leaves out the 8-bit weights, and returns its formats. What passes computes without an overflow
 * for every prompt, whoever made it. Throws `MODEL_INVALID`.
 */
export async function checkConverted(
  source: Pick<ModelSource, 'read'>,
  { layout, variant }: Pick<ExactHeader, 'variant'> & { readonly layout: ExactLayout },
): Promise<ModelFormats> {
  const check = checker(source);
  const layers: LayerFormats[] = [];
  for (const place of layout.layers) {
    const formats = readLayerFormats(await check.bytes(place.formats), variant);
    await checkLayer(check, { place, formats });
    layers.push(formats);
  }
  const [final = 0] = new Int32Array((await check.bytes(layout.finalFormat)).buffer);
  if (!isNormFormat(final, variant))
    throw new KarmeshError('MODEL_INVALID', 'The converted model has formats that no conversion gives.', {
      variant,
      final,
    });
  await check.norm(layout.finalNorm);
  await check.scales(layout.embeddingScales);
  await check.matrix(layout.head, { input: final, output: LOGITS, head: true });
  return { layers, final };
}

interface Checker {
  bytes(section: ExactSection): Promise<Uint8Array<ArrayBuffer>>;
  norm(section: ExactSection): Promise<void>;
  bias(section: ExactSection): Promise<void>;
  scales(section: ExactSection): Promise<void>;
  matrix(place: ExactMatrix, use: MatrixUse): Promise<void>;
}

async function checkLayer(
  check: Checker,
  { place, formats }: { readonly place: ExactLayerLayout; readonly formats: LayerFormats },
): Promise<void> {
  const { attentionNorm, hiddenNorm, value, gate, up, hidden } = formats;
  await check.norm(place.attentionNorm);
  await check.norm(place.hiddenNorm);
  for (const bias of Object.values(place.biases ?? {})) await check.bias(bias);
  await check.matrix(place.query, { input: attentionNorm, output: RESIDUAL });
  await check.matrix(place.key, { input: attentionNorm, output: RESIDUAL });
  await check.matrix(place.value, { input: attentionNorm, output: value });
  await check.matrix(place.output, { input: value, output: RESIDUAL });
  await check.matrix(place.gate, { input: hiddenNorm, output: gate });
  await check.matrix(place.up, { input: hiddenNorm, output: up });
  await check.matrix(place.down, { input: hidden, output: RESIDUAL });
}

function checker(source: Pick<ModelSource, 'read'>): Checker {
  const bytes = async ({ offset, bytes: length }: ExactSection): Promise<Uint8Array<ArrayBuffer>> => {
    const into = new Uint8Array(length);
    await source.read(offset, into);
    return into;
  };
  const part = ({ offset }: ExactSection, from: number, length: number): Promise<Uint8Array<ArrayBuffer>> =>
    bytes({ offset: offset + from, bytes: length });
  return {
    bytes,
    norm: async (section) => checkNormSection(new Int32Array((await bytes(section)).buffer)),
    bias: async (section) => checkBiasSection(new Int32Array((await bytes(section)).buffer)),
    async scales(section) {
      for (let from = 0; from < section.bytes; from += CHUNK)
        checkScaleSection(new Uint16Array((await part(section, from, Math.min(CHUNK, section.bytes - from))).buffer));
    },
    async matrix({ shifts, multipliers, paddedRows, columns }, use) {
      const all = new Int32Array((await bytes(shifts)).buffer);
      const rowBytes = columns / 16;
      for (let row = 0; row < paddedRows; row += ROWS) {
        const rows = Math.min(ROWS, paddedRows - row);
        const read = await part(multipliers, row * rowBytes, rows * rowBytes);
        checkMatrixSections(all.subarray(row, row + rows), new Int16Array(read.buffer), use);
      }
      if (use.head === true) checkOneShift(all);
    },
  };
}

const CHUNK = 1 << 20;

/** all rows of the head share one T. */
function checkOneShift(shifts: Int32Array): void {
  const index = shifts.findIndex((shift) => shift !== shifts[0]);
  if (index >= 0)
    throw new KarmeshError('MODEL_INVALID', 'The converted model has a number that no conversion gives.', {
      what: 'shift',
      index,
      value: shifts[index],
    });
}
