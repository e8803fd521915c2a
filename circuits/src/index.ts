export { openTensorCommitter } from './commitment/openTensorCommitter.ts';
export { type CommitTensor, type TensorOpening, tensorCommitter } from './commitment/tensorCommitter.ts';
export { CircuitsError, type CircuitsErrorCode } from './errors.ts';
