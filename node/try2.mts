import { readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { loadStages } from './src/engines/exact/loadStages.ts';
import { runner } from './src/engines/exact/runner.ts';
import { traceModelOf } from './src/engines/exact/traceModel.ts';
import { openExactModel } from './src/engines/exact/exactModel.ts';
import { replayOperator, judgeLeaf, tensorOf } from './src/engines/exact/dispute/replayOperator.ts';
const path = process.argv[2]!;
const sha256 = (b: Uint8Array) => new Uint8Array(hash('sha256', b, 'buffer'));
for (const cuts of [[], [1], [1,2,3]]) {
  await using loaded = await loadStages({ modelPath: path, contextSize: 512, sequences: 2, batch: 32, threads: cuts.length===1?2:1, kernels: 'simd', cuts });
  const tm = traceModelOf(loaded.model);
  const r = runner({ sequences: 2, batch: 32, endTokens: new Set([4]), ahead: 1000 }, { stages: loaded.stages, traceModel: tm, sha256 });
  const out: number[] = [];
  const prompt = [1, 3, 300, 20, 50, 700, 4];
  const run = r.start({ requestId: new Uint8Array(32) as never, prompt, temperatureMicro: 700000, limit: 6 }, { onToken: (t) => out.push(t), onFault: (e) => console.log(e) });
  while (r.step());
  const f = run.finish(out.length);
  console.log(cuts, out.join(' '), Buffer.from(f.traceRoot).toString('hex').slice(0, 16), r.step());
  const all = new Set(Array.from({ length: 3000 }, (_, i) => i));
  const pos: unknown[] = [];
  const re = r.start({ requestId: new Uint8Array(32) as never, prompt, temperatureMicro: 700000, limit: 6, claimed: out, level: 'operators', open: all }, { onPosition: (p) => pos.push(p) });
  while (r.step());
  const g = re.finish(out.length);
  console.log(JSON.stringify(pos[1]), g.opened.size);
  if (cuts.length) continue;
  const file = readFileSync(path);
  const model = await openExactModel({ bytes: file.length, read: async (o, into) => { into.set(file.subarray(o, o + into.length)); } });
  const shape = g.recorder.shape; const bad: string[] = []; let n = 0; const t0 = performance.now();
  for (const [index] of g.opened) {
    const place = shape.placeOf(index); const t = shape.tensors[place.tensor]!;
    if (place.position % 5 !== 1 && t.name !== 'logits') continue;
    const tokens = [...prompt, ...out];
    const values = await replayOperator(model, { ...t, position: place.position }, { token: tokens[place.position]!, tensor: (p) => tensorOf(shape, p, (i) => g.opened.get(i)!) });
    const leaf = g.recorder.leaves(g.positions).slice(index * 32, index * 32 + 32);
    n++; if (judgeLeaf({ shape, place, values, a: leaf, b: leaf }, { sha256 }) !== 'a') bad.push(`${place.position} ${t.name} ${t.layer}`);
  }
  console.log('replayed', n, 'bad', bad.slice(0, 10), ((performance.now() - t0) / n).toFixed(1), 'ms each');
}
