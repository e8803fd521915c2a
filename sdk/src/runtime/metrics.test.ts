import { expect, test } from 'vitest';
import { metrics } from './metrics.ts';

test('names carry the prefix, and text holds them', async () => {
  const registry = metrics({ processMetrics: false });
  registry.counter({ name: 'requests_total', help: 'Requests.', labels: ['outcome'] }).inc({ outcome: 'ok' }, 3);
  registry.gauge({ name: 'queue_count', help: 'Waiting.' }).set(2);
  registry.histogram({ name: 'answer_seconds', help: 'Time to answer.', buckets: [0.1, 1] }).observe(0.5);
  expect(await registry.text()).toMatchInlineSnapshot(`
    "# HELP karmesh_requests_total Requests.
    # TYPE karmesh_requests_total counter
    karmesh_requests_total{outcome="ok"} 3

    # HELP karmesh_queue_count Waiting.
    # TYPE karmesh_queue_count gauge
    karmesh_queue_count 2

    # HELP karmesh_answer_seconds Time to answer.
    # TYPE karmesh_answer_seconds histogram
    karmesh_answer_seconds_bucket{le="0.1"} 0
    karmesh_answer_seconds_bucket{le="1"} 1
    karmesh_answer_seconds_bucket{le="+Inf"} 1
    karmesh_answer_seconds_sum 0.5
    karmesh_answer_seconds_count 1
    "
  `);
});

test('a gauge that collects is set whenever the text is read', async () => {
  const registry = metrics({ processMetrics: false });
  let waiting = 0;
  registry.gauge({ name: 'waiting_count', help: 'Waiting.', collect: async (gauge) => gauge.set(++waiting) });
  expect(await registry.text()).toContain('karmesh_waiting_count 1\n');
  expect(await registry.text()).toContain('karmesh_waiting_count 2\n');
});

test('a name without its unit is refused', () => {
  const registry = metrics({ processMetrics: false });
  expect(() => registry.gauge({ name: 'queue', help: 'Waiting.' })).toThrow('A metric name must end in its unit.');
  expect(() => registry.counter({ name: 'requests_count', help: 'Requests.' })).toThrow(
    'A metric name must end in its unit.',
  );
});

test.each(['worker_id', 'peer', 'request', 'address'])('a label named %s is refused', (label) => {
  const registry = metrics({ processMetrics: false });
  expect(() => registry.counter({ name: 'requests_total', help: 'Requests.', labels: [label] })).toThrow(
    'A metric label must not hold an id.',
  );
});
