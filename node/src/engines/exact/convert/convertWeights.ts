import type { GgufTensor } from '../../../models/gguf.ts';
import {
  type ExactLayerLayout,
  type ExactLayout,
  type ExactMatrix,
  layoutOf,
  writeExactHeader,
} from '../file/exactFile.ts';
import { type LayerFormats, type ModelFormats, writeLayerFormats } from '../file/layerFormats.ts';
import { biasValues } from './biasValues.ts';
import { bytesOf, convertMatrix, largestScale, type MatrixFacts, type MatrixJob } from './convertMatrix.ts';
import { foldedFactor, type MatrixRole } from './foldedFactor.ts';
import { type GroupMultipliers, groupMultipliers } from './groupMultipliers.ts';
import { layerFormatsOf, normFormat, refuseLeftShift } from './layerFormatsOf.ts';
import type { ConversionCall, ModelSource, ModelTarget } from './modelBytes.ts';
import type { NormWeights } from './normWeights.ts';
import type { ConversionPlan } from './planConversion.ts';
import { readFloats } from './readFloats.ts';
import { type ReadParts, rowBlocks } from './rowBlocks.ts';
import { rowBounds } from './rowExponents.ts';
import type { SourceLayer } from './sourceModel.ts';
import { tileWeights } from './tileWeights.ts';

/** bits of a multiplier, and of the head's. */
const MULTIPLIER_BITS = 12;
const HEAD_BITS = 15;

type Parts = ReadParts & { readonly target: Pick<ModelTarget, 'write'> };

/** Writes every section of a converted model and returns its formats. Throws `MODEL_INVALID`, `ABORTED` and what the target throws. */
export async function convertWeights(
  options: { readonly plan: ConversionPlan; readonly source: ModelSource; readonly target: Pick<ModelTarget, 'write'> },
  { signal, onProgress }: ConversionCall,
): Promise<ModelFormats> {
  const { plan, source, target } = options;
  const { model, norms, variant } = plan;
  const layout = layoutOf(model.shape);
  const total = bytesToRead(plan);
  let done = 0;
  const advance = (bytes: number): void => {
    done += bytes;
    onProgress?.({ step: 'convert', done, total });
  };
  const parts: Parts = { source, target, signal, advance };
  const { shape, epsilon } = model;
  await target.write(0, writeExactHeader({ variant, shape, epsilon, sourceHash: plan.manifest.fileHash }));
  await target.write(layout.frequencies.offset, bytesOf(plan.frequencies));
  const embeddingScale = await convertEmbedding(plan, { layout, parts });
  const multipliers = new Map<MatrixRole, GroupMultipliers>();
  const multipliersOf = (role: MatrixRole): GroupMultipliers => {
    const known = multipliers.get(role);
    if (known !== undefined) return known;
    const made = groupMultipliers(foldedFactor(role, shape.headSize), MULTIPLIER_BITS);
    multipliers.set(role, made);
    return made;
  };
  const layers: LayerFormats[] = [];
  for (const [layer, tensors] of model.layers.entries()) {
    const [place, norm] = [layout.layers[layer], norms.layers[layer]];
    if (place === undefined || norm === undefined) throw new Error('The plan has fewer layers than its model.');
    layers.push(await convertLayer({ layer, tensors, place, norm, plan, multipliersOf }, parts));
  }
  const final = normFormat(variant, norms.final.exponent);
  await target.write(layout.finalFormat.offset, bytesOf(Int32Array.of(final)));
  await target.write(layout.finalNorm.offset, bytesOf(norms.final.weights));
  const top = shape.tied ? embeddingScale : await largestOf(model.head, layout.head, parts);
  await convertHead({ tensor: model.head, place: layout.head, top, format: final }, parts);
  return { layers, final };
}

/** the embedding's scales and, unless tied, its weights. Returns the bits of its largest scale. */
async function convertEmbedding(
  { model }: ConversionPlan,
  { layout, parts }: { readonly layout: ExactLayout; readonly parts: Parts },
): Promise<number> {
  const { vocabulary: rows, width: columns } = model.shape;
  let largest = 0;
  for await (const { first, rows: count, groups } of rowBlocks(model.embedding, { rows, columns }, parts)) {
    const scales = groups.scales.subarray(0, (count * columns) / 32);
    largest = Math.max(largest, largestScale(scales));
    await parts.target.write(layout.embeddingScales.offset + (first * columns) / 16, bytesOf(scales));
    if (model.shape.tied) continue;
    const tiled = new Int8Array(groups.weights.length);
    tileWeights(groups.weights, tiled, columns);
    await parts.target.write(layout.embedding.offset + first * columns, bytesOf(tiled));
  }
  return largest;
}

async function largestOf(tensor: GgufTensor, place: ExactMatrix, parts: Parts): Promise<number> {
  let largest = 0;
  for await (const { groups } of rowBlocks(tensor, place, parts))
    largest = Math.max(largest, largestScale(groups.scales));
  return largest;
}

/** all rows of the head share one T, so that their logits compare. */
async function convertHead(
  head: { readonly tensor: GgufTensor; readonly place: ExactMatrix; readonly top: number; readonly format: number },
  parts: Parts,
): Promise<void> {
  const { tensor, place, top, format } = head;
  const multipliers = groupMultipliers(foldedFactor('head', 1), HEAD_BITS);
  const facts = await convertMatrix({ tensor, place, multipliers, shift: multipliers.shiftOf(top) }, parts);
  refuseLeftShift({ where: 'head', leastShift: facts.leastShift, input: format, output: 20 });
}

async function convertLayer(
  job: {
    readonly layer: number;
    readonly tensors: SourceLayer;
    readonly place: ExactLayerLayout;
    readonly norm: { readonly attention: NormWeights; readonly hidden: NormWeights };
    readonly plan: ConversionPlan;
    readonly multipliersOf: (role: MatrixRole) => GroupMultipliers;
  },
  parts: Parts,
): Promise<LayerFormats> {
  const { layer, tensors, place, norm, plan, multipliersOf } = job;
  const { target } = parts;
  const { headSize } = plan.model.shape;
  const bias = async (name: 'query' | 'key' | 'value'): Promise<Int32Array | undefined> => {
    const [tensor, section] = [tensors.biases?.[name], place.biases?.[name]];
    if (tensor === undefined || section === undefined) return undefined;
    const bytes = new Uint8Array(Number(tensor.bytes));
    await parts.source.read(Number(tensor.offset), bytes);
    const factor = foldedFactor(name === 'query' ? 'query' : 'plain', headSize);
    const biases = biasValues(tensor.name, { values: readFloats(tensor, bytes), factor });
    await target.write(section.offset, bytesOf(biases));
    return biases;
  };
  type MatrixName = 'query' | 'key' | 'value' | 'output' | 'gate' | 'up' | 'down';
  const convert = (
    name: MatrixName,
    role: MatrixRole,
    more: Pick<MatrixJob, 'bounds' | 'biases'> = {},
  ): Promise<MatrixFacts> =>
    convertMatrix({ tensor: tensors[name], place: place[name], multipliers: multipliersOf(role), ...more }, parts);

  const rotated = rowBounds(norm.attention, { rotated: true });
  const query = await convert('query', 'query', { bounds: rotated, biases: await bias('query') });
  const key = await convert('key', 'plain', { bounds: rotated, biases: await bias('key') });
  const value = await convert('value', 'plain', {
    bounds: rowBounds(norm.attention, { rotated: false }),
    biases: await bias('value'),
  });
  const output = await convert('output', 'plain');
  const bounds = rowBounds(norm.hidden, { rotated: false });
  const gate = await convert('gate', 'gate', { bounds });
  const up = await convert('up', 'up', { bounds });
  const down = await convert('down', 'plain');
  await target.write(place.attentionNorm.offset, bytesOf(norm.attention.weights));
  await target.write(place.hiddenNorm.offset, bytesOf(norm.hidden.weights));
  const formats = layerFormatsOf({
    layer,
    variant: plan.variant,
    attentionNorm: norm.attention.exponent,
    hiddenNorm: norm.hidden.exponent,
    query,
    key,
    value,
    output,
    gate,
    up,
    down,
  });
  await target.write(place.formats.offset, writeLayerFormats(formats));
  return formats;
}

/** Bytes of tensors that a conversion reads block by block; the head is read twice. */
function bytesToRead({ model }: ConversionPlan): number {
  const layers = model.layers.flatMap((each) => [
    each.query,
    each.key,
    each.value,
    each.output,
    each.gate,
    each.up,
    each.down,
  ]);
  const heads = model.shape.tied ? [model.head] : [model.head, model.head];
  return [model.embedding, ...layers, ...heads].reduce((sum, { bytes }) => sum + Number(bytes), 0);
}
