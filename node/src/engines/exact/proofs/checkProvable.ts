import { KarmeshError } from '@karmesh/sdk/errors';
import { isProvable, keyCountOf, MAX_MODEL_KEYS, type TraceModel } from '@karmesh/sdk/protocol';

/** Throws `MODEL_INVALID` for a model that circuits are too narrow for, or a registry too small. */
export function checkProvable(model: TraceModel): void {
  if (!isProvable(model))
    throw new KarmeshError('MODEL_INVALID', 'This model’s tensors are wider than circuits are.', {
      width: model.width,
      hidden: model.hidden,
    });
  const keys = keyCountOf(model);
  if (keys > MAX_MODEL_KEYS)
    throw new KarmeshError('MODEL_INVALID', 'This model has more operators than a registry has room for.', {
      layers: model.layers,
      keys,
      most: MAX_MODEL_KEYS,
    });
}
