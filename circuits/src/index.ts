export { openTensorCommitter } from './commitment/openTensorCommitter.ts';
export {
  type CommitTensor,
  type TensorCommitter,
  type TensorOpening,
  tensorCommitter,
} from './commitment/tensorCommitter.ts';
export { CircuitsError, type CircuitsErrorCode } from './errors.ts';
export { circuitInputs, type OperatorValues } from './prove/circuitInputs.ts';
export { endSnarkjs, witnessOf } from './prove/snarkjsProver.ts';
export { statementOf } from './prove/statement.ts';
export { appendRows, type Weights } from './r1cs/appendRows.ts';
export { readR1cs } from './r1cs/r1csFile.ts';
export { brokenConstraints, readWitness } from './r1cs/witnessFile.ts';
export { compileShape } from './shapes/compileShape.ts';
export { type Circuit, circuitOf, type Shape } from './shapes/shape.ts';
