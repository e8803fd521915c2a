import { type VerifyLayerOptions, verifyLayer } from '@karmesh/circuits/verify';

// Checks proofs in a thread of its own, one for every message, and answers in their order. A key that no registry admits throws, and
// with it the thread's `error` tells.
addEventListener('message', ({ data }: MessageEvent<VerifyLayerOptions>) => {
  postMessage(verifyLayer(data).verdict === 'accept');
});
