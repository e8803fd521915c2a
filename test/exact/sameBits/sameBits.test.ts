import { sameBitsSuite } from './sameBitsSuite.ts';

// A small count; sameBits.long.test.ts has the full one.
sameBitsSuite({
  counts: { prompts: 4, tokens: 16 },
  digest: '21c7a85283ada0a6fd7330804097c3cdd65fe3e7454b15bbf7a911ea9eeb3495',
  sample: { prompts: 1, tokens: 3 },
});
