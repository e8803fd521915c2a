import { serveWorker } from './serveWorker.ts';
import { upstreamEngine } from './upstreamEngine.ts';

// One of the bench's workers, whose engine asks the mock upstream.
const [place = '0', upstream = '', bootstrap = '', beganMs = '0', folder = ''] = process.argv.slice(2);
await serveWorker({ place: Number(place), beganMs: Number(beganMs), bootstrap: [bootstrap], folder }, (options) =>
  upstreamEngine(upstream, options),
);
process.once('disconnect', () => process.exit(0));
process.send?.({ ready: true });
