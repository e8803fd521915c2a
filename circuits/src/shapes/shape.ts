import { CircuitsError } from '../errors.ts';

/**
 * The circuits of a layer's operators, without weights: what is the same for every matrix of a shape. Widths and shifts are in bits. Rules X-… are
 * those of docs/exact-arithmetic.md.
 */
export type Shape =
  | LinearShape
  | RotatedShape
  | AttentionShape
  | ResidualShape
  | NormShape
  | HiddenShape
  | HeadShape
  | HeadTileShape
  | RefutationShape
  | SumCheckShape;

/** y = rshr(W x + b, shift). */
export interface LinearShape {
  readonly kind: 'linear';
  readonly rows: number;
  readonly columns: number;
  readonly inputBits: number;
  readonly shift: number;
  readonly outputBits: number;
}

/** q or k. */
export interface RotatedShape {
  readonly kind: 'rotated';
  readonly rows: number;
  readonly columns: number;
  readonly inputBits: number;
  /** To 16 fraction bits. */
  readonly shift: number;
  readonly headSize: number;
  readonly pairs: 'neighbours' | 'halves';
  /** Fq or Fk. */
  readonly fraction: number;
  readonly outputBits: number;
}

/** X-24 over at most `positions` positions. */
export interface AttentionShape {
  readonly kind: 'attention';
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly positions: number;
  /** Of q, k, v and the result. */
  readonly bits: number;
  /** Fq + Fk - 12 */
  readonly shift: number;
}

/** y = r + rshr(W x + b, shift), r and y of 32 bits. */
export interface ResidualShape {
  readonly kind: 'residual';
  readonly rows: number;
  readonly columns: number;
  readonly inputBits: number;
  readonly shift: number;
}

/** X-21 over 32-bit values. */
export interface NormShape {
  readonly kind: 'norm';
  readonly width: number;
  /** E * D */
  readonly epsilon: number;
  readonly shift: number;
  readonly outputBits: number;
}

/** of 20-bit gates and ups to 30-bit values. */
export interface HiddenShape {
  readonly kind: 'hidden';
  readonly width: number;
  /** Fg, at most 16. */
  readonly gateFraction: number;
  /** 17 + Fu - Fh */
  readonly shift: number;
}

/** the first of the highest logits. */
export interface HeadShape {
  readonly kind: 'head';
  readonly vocabulary: number;
  readonly columns: number;
  readonly inputBits: number;
  readonly shift: number;
  readonly logitBits: number;
}

/** Z-16: rows of a head, for vocabularies that are too large for one circuit. */
export interface HeadTileShape {
  readonly kind: 'headTile';
  readonly rows: number;
  readonly columns: number;
  readonly inputBits: number;
  readonly shift: number;
  readonly logitBits: number;
}

/** Some rows of a head, from `first` on. */
export interface HeadTile {
  readonly shape: HeadTileShape;
  readonly first: number;
}

/** Z-16: the tiles that cover a vocabulary, `rows` each but the last one, which has what is left. */
export function headTiles({ kind: _, vocabulary, ...same }: HeadShape, rows: number): readonly HeadTile[] {
  return Array.from({ length: Math.ceil(vocabulary / rows) }, (_, tile) => {
    const first = tile * rows;
    return { shape: { kind: 'headTile', rows: Math.min(rows, vocabulary - first), ...same }, first };
  });
}

/** Z-15: y is not what X-22 makes of x. */
export interface RefutationShape extends Omit<LinearShape, 'kind'> {
  readonly kind: 'refutation';
}

/** The circuit that refutes an operator of a shape; its matrix is the same. */
export function refutationOf(shape: LinearShape): RefutationShape {
  return { ...shape, kind: 'refutation' };
}

/** Z-70: X-22 for every matrix of these rows, columns and widths. */
export interface SumCheckShape extends Omit<LinearShape, 'kind'> {
  readonly kind: 'sumCheckLinear';
}

/** The circuit that proves an operator of a shape whatever its matrix is. */
export function sumCheckOf(shape: LinearShape): SumCheckShape {
  return { ...shape, kind: 'sumCheckLinear' };
}

/** Rounds of the sum-check: variables of the multilinear extension of a row, at least one. */
export function roundsOf({ columns }: SumCheckShape): number {
  return Math.max(1, Math.ceil(Math.log2(columns)));
}

/** An input that is compiled as public, so that circom keeps its wires, and made private when weights are appended. */
export interface OpenInput {
  readonly name: string;
  readonly length: number;
}

/** What a circuit is made of, and what of it is public. */
export interface Circuit {
  /** Its file's name, without an ending. */
  readonly name: string;
  /** The file of templates/ that it includes. */
  readonly template: string;
  /** The template with its parameters. */
  readonly component: string;
  /** Public signals in a statement's order: commitments, then inputs. */
  readonly signals: readonly string[];
  /** Z-10: what rows of weights connect, from and to, in the order of their wires. Absent if the operator has no weights. */
  readonly open?: { readonly from: OpenInput; readonly to: OpenInput };
}

/** The circuit of a shape. Throws `BAD_INPUT` for formats that a model may have and circuits do not take; such an operator is opened. */
export function circuitOf(shape: Shape): Circuit {
  switch (shape.kind) {
    case 'linear': {
      const { rows, columns, inputBits, shift, outputBits } = shape;
      return {
        name: `linear-${rows}x${columns}-${inputBits}to${outputBits}-shift${shift}`,
        template: 'linear.circom',
        component: `Linear(${rows}, ${columns}, ${inputBits}, ${shift}, ${outputBits})`,
        signals: ['commitmentX', 'commitmentY', 'context'],
        open: matrix(rows, columns),
      };
    }
    case 'rotated': {
      const { rows, columns, inputBits, shift, headSize, pairs, fraction, outputBits } = shape;
      const step = pairs === 'neighbours' ? 1 : headSize / 2;
      // A rotation keeps a pair's length: before it no value is beyond the square root of 2 times the largest one behind it.
      const straightBits = outputBits + 16 - fraction + 1;
      // Up to here sat_32 of X-23 leaves such values alone, as the circuit does.
      if (straightBits > 31) throw new CircuitsError('BAD_INPUT', 'These formats have no circuit.', { fraction });
      return {
        name: `rotated-${rows}x${columns}-${inputBits}to${outputBits}-shift${shift}-head${headSize}-${pairs}-fraction${fraction}`,
        template: 'rotated.circom',
        component: `Rotated(${rows}, ${columns}, ${inputBits}, ${shift}, ${straightBits}, ${headSize}, ${step}, ${fraction}, ${outputBits})`,
        signals: ['commitmentX', 'commitmentY', 'commitmentAngles', 'context'],
        open: matrix(rows, columns),
      };
    }
    case 'attention': {
      const { heads, keyHeads, headSize, positions, bits, shift } = shape;
      return {
        name: `attention-${heads}of${keyHeads}x${headSize}-positions${positions}-${bits}-shift${shift}`,
        template: 'attention.circom',
        component: `Attention(${heads}, ${keyHeads}, ${headSize}, ${positions}, ${bits}, ${shift})`,
        signals: ['commitmentQ', 'commitmentK', 'commitmentV', 'commitmentO', 'context', 'count'],
      };
    }
    case 'residual': {
      const { rows, columns, inputBits, shift } = shape;
      return {
        name: `residual-${rows}x${columns}-${inputBits}-shift${shift}`,
        template: 'residual.circom',
        component: `Residual(${rows}, ${columns}, ${inputBits}, ${shift})`,
        signals: ['commitmentX', 'commitmentR', 'commitmentY', 'context'],
        open: matrix(rows, columns),
      };
    }
    case 'norm': {
      const { width, epsilon, shift, outputBits } = shape;
      return {
        name: `norm-${width}-epsilon${epsilon}-to${outputBits}-shift${shift}`,
        template: 'norm.circom',
        component: `Norm(${width}, ${epsilon}, ${shift}, ${outputBits})`,
        signals: ['commitmentX', 'commitmentY', 'context'],
        open: { from: { name: 'xr', length: width }, to: { name: 'z', length: width } },
      };
    }
    case 'hidden': {
      const { width, gateFraction, shift } = shape;
      if (gateFraction > 16) throw new CircuitsError('BAD_INPUT', 'These formats have no circuit.', { gateFraction });
      return {
        name: `hidden-${width}-gate${gateFraction}-shift${shift}`,
        template: 'hidden.circom',
        component: `Hidden(${width}, ${gateFraction}, ${shift})`,
        signals: ['commitmentG', 'commitmentU', 'commitmentY', 'context'],
      };
    }
    case 'head': {
      const { vocabulary, columns, inputBits, shift, logitBits } = shape;
      return {
        name: `head-${vocabulary}x${columns}-${inputBits}to${logitBits}-shift${shift}`,
        template: 'head.circom',
        component: `Head(${vocabulary}, ${columns}, ${inputBits}, ${shift}, ${logitBits})`,
        signals: ['commitmentX', 'context', 'token'],
        open: matrix(vocabulary, columns),
      };
    }
    case 'headTile': {
      const { rows, columns, inputBits, shift, logitBits } = shape;
      return {
        name: `headTile-${rows}x${columns}-${inputBits}to${logitBits}-shift${shift}`,
        template: 'headTile.circom',
        component: `HeadTile(${rows}, ${columns}, ${inputBits}, ${shift}, ${logitBits})`,
        signals: ['commitmentX', 'commitmentTop', 'context', 'token', 'first'],
        open: matrix(rows, columns),
      };
    }
    case 'refutation': {
      const { rows, columns, inputBits, shift, outputBits } = shape;
      return {
        name: `refutation-${rows}x${columns}-${inputBits}to${outputBits}-shift${shift}`,
        template: 'refutation.circom',
        component: `Refutation(${rows}, ${columns}, ${inputBits}, ${shift}, ${outputBits})`,
        signals: ['commitmentX', 'commitmentY', 'context'],
        open: matrix(rows, columns),
      };
    }
    case 'sumCheckLinear': {
      const { rows, columns, inputBits, shift, outputBits } = shape;
      return {
        name: `sumCheckLinear-${rows}x${columns}-${inputBits}to${outputBits}-shift${shift}`,
        template: 'sumCheckLinear.circom',
        component: `SumCheckLinear(${rows}, ${columns}, ${inputBits}, ${shift}, ${outputBits})`,
        signals: [
          'commitmentX',
          'commitmentY',
          'commitmentPoint',
          'context',
          'matrix',
          'biasAtPoint',
          'weightsAtPoint',
        ],
      };
    }
  }
}

function matrix(rows: number, columns: number): { readonly from: OpenInput; readonly to: OpenInput } {
  return { from: { name: 'x', length: columns }, to: { name: 'acc', length: rows } };
}

/** The text that circom compiles. */
export function circuitSource({ template, component, signals, open }: Circuit): string {
  const inputs = signals.filter((name) => !name.startsWith('commitment'));
  const opened = open === undefined ? [] : [open.from.name, open.to.name];
  return `pragma circom 2.1.6;\ninclude "${template}";\ncomponent main {public [${[...inputs, ...opened].join(', ')}]} = ${component};\n`;
}
