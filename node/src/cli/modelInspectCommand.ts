import { configFiles } from '@karmesh/sdk/participant/settings';
import { toHex } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { NARROW_BITS } from '../engines/exact/convert/planConversion.ts';
import { type ExactFacts, inspectModel, type ModelInspection } from '../engines/exact/file/inspectModel.ts';
import type { LayerFormats } from '../engines/exact/file/layerFormats.ts';
import { inspectSchema } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';

/** `karmesh model inspect FILE`. Reads all weights, since formats follow from them. Throws `MODEL_INVALID`. */
export const modelInspectCommand = command({
  program: 'karmesh model inspect',
  summary: 'Says what a GGUF file or a converted model is, and what exact arithmetic makes of it.',
  section: 'model',
  schema: inspectSchema,
  positionals: [{ name: 'file', description: 'a GGUF file or a converted model' }],
  files: configFiles,
  async run({ config, positionals: [file = ''] }, { signal }) {
    const talk = output({ json: config.json })();
    const onProgress = conversionProgress(talk);
    const inspection = await inspectModel(file, { variant: config.variant, signal, onProgress }).finally(() =>
      talk.progress(''),
    );
    talk.data(inspection, (shown) => lines(shown).join('\n'));
    return 0;
  },
});

function lines(inspection: ModelInspection): readonly string[] {
  if (inspection.kind === 'exact')
    return [
      'A converted model.',
      `file hash  ${toHex(inspection.fileHash)}`,
      `made from  ${toHex(inspection.sourceHash)}`,
      `variant    ${inspection.exact.variant}`,
      ...exactLines(inspection.exact),
    ];
  const { manifest, modelId, exact } = inspection;
  const own = [
    `${manifest.name}: ${manifest.architecture}, ${manifest.quantisation}, ${manifest.totalParameters} parameters.`,
    `model id   ${toHex(modelId)}`,
  ];
  if (exact.kind === 'refused')
    return [
      ...own,
      `exact      not possible: ${exact.sentence}`,
      ...Object.entries(exact.facts).map(([name, value]) => `           ${name}: ${value}`),
    ];
  const why = `the coarsest norm keeps ${exact.narrowBits} fraction bits in narrow, which needs ${NARROW_BITS}`;
  return [...own, `variant    ${exact.variant}: ${why}`, ...exactLines(exact)];
}

function exactLines({ shape, formats, fileBytes, bytesPerPosition }: ExactFacts): readonly string[] {
  const { width, layers, heads, keyHeads, headSize, hidden, vocabulary, context, tied } = shape;
  return [
    `shape      width ${width}, ${layers} layers, ${heads} heads of ${headSize} (${keyHeads} for keys), hidden ${hidden}, ${vocabulary} tokens, context ${context}, ${tied ? 'tied' : 'own'} head`,
    ...formatLines(formats.layers),
    `           last norm ${formats.final}`,
    `converted  ${fileBytes} bytes`,
    `memory     ${mebibytes(fileBytes)} of weights, and ${mebibytes(context * bytesPerPosition)} for each context of ${context} tokens`,
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** One line for each run of layers with the same fraction bits. */
function formatLines(layers: readonly LayerFormats[]): readonly string[] {
  const texts = layers.map(
    (each) =>
      `norms ${each.attentionNorm} and ${each.hiddenNorm}, q ${each.query}, k ${each.key}, v ${each.value}, gate ${each.gate}, up ${each.up}, hidden ${each.hidden}`,
  );
  const starts = texts.flatMap((text, i) => (text === texts[i - 1] ? [] : [i]));
  return starts.map((from, i) => {
    const to = (starts[i + 1] ?? texts.length) - 1;
    const range = from === to ? `layer ${from}` : `layers ${from} to ${to}`;
    return `${i === 0 ? 'formats    ' : '           '}${range}: ${texts[from]}`;
  });
}
