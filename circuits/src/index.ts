export { type ApplyBeaconOptions, applyBeacon } from './ceremony/applyBeacon.ts';
export { type BeginKeyOptions, beginKey, type PinnedPowers } from './ceremony/beginKey.ts';
export { beginPowers } from './ceremony/beginPowers.ts';
export { type CeremonyPhase, phaseOf } from './ceremony/ceremonyFile.ts';
export { type ContributeOptions, type ContributeResult, contribute } from './ceremony/contribute.ts';
export { type PowersVerdict, verifyPowers } from './ceremony/verifyPowers.ts';
export { elementBytes, elementOf } from './commitment/elements.ts';
export { openTensorCommitter } from './commitment/openTensorCommitter.ts';
export {
  type CommitTensor,
  type TensorCommitter,
  type TensorOpening,
  tensorCommitter,
} from './commitment/tensorCommitter.ts';
export { CircuitsError, type CircuitsErrorCode } from './errors.ts';
export { type AdmissionPolicy, type AdmissionVerdict, type AdmitKeyOptions, admitKey } from './keys/admitKey.ts';
export { type FindKeyOptions, type FoundKey, findKey, type RefusedKey } from './keys/findKey.ts';
export { type KeyFile, readKeyFiles } from './keys/keyFiles.ts';
export { type LayerConstraints, type LayerConstraintsOptions, layerConstraints } from './keys/layerConstraints.ts';
export { type LayerKey, type SetupLayerOptions, setupLayer } from './keys/layerKey.ts';
export { circuitInputs, type OperatorValues } from './prove/circuitInputs.ts';
export { kernelProver } from './prove/kernelProver.ts';
export { nativeProver } from './prove/nativeProver.ts';
export { type ProveLayerOptions, proveLayer } from './prove/proveLayer.ts';
export type { Proven, Prover } from './prove/prover.ts';
export { endSnarkjs, snarkjsProver, verifyingKeyBytes, witnessOf } from './prove/snarkjsProver.ts';
export { statementOf } from './prove/statement.ts';
export { type SumCheckInputs, type SumCheckValues, sumCheckInputs } from './prove/sumCheckInputs.ts';
export { appendRows, type Weights } from './r1cs/appendRows.ts';
export { readR1cs } from './r1cs/r1csFile.ts';
export { brokenConstraints, readWitness } from './r1cs/witnessFile.ts';
export { compileShape } from './shapes/compileShape.ts';
export {
  type Circuit,
  circuitOf,
  type HeadTile,
  headTiles,
  refutationOf,
  type Shape,
  type SumCheckShape,
  sumCheckOf,
} from './shapes/shape.ts';
export { type DigestedMatrix, digestMatrix } from './sumCheck/digestMatrix.ts';
export { type MatrixPoint, weightsAt } from './sumCheck/evaluateMatrix.ts';
export type { SumCheckOpening, SumCheckStatement } from './sumCheck/sumCheckStatement.ts';
export * from './verify/index.ts';
