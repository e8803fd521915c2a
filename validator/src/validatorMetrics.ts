import type { Metrics } from '@karmesh/sdk/runtime';

/** What a validator counts. */
export function validatorMetrics(metrics: Metrics) {
  return {
    ingested: metrics.counter({
      name: 'validator_ingested_total',
      help: 'Headers, bodies, entries and verdicts judged, by the verdict and the rule that it names.',
      labels: ['kind', 'verdict', 'rule'],
    }),
    duties: metrics.counter({
      name: 'validator_duties_total',
      help: 'Runs of duties by their kind and outcome.',
      labels: ['kind', 'outcome'],
    }),
    audits: metrics.counter({
      name: 'validator_audits_total',
      help: 'Verdicts given, by the rule of the U table that failed; 0 passed.',
      labels: ['verdict', 'rule'],
    }),
    auditSeconds: metrics.histogram({
      name: 'validator_audit_duration_seconds',
      help: 'From the ask to the signed verdict.',
      buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16],
    }),
    slot: metrics.gauge({ name: 'validator_chain_height_slots', help: 'The slot of the last look at the chain.' }),
  };
}
export type ValidatorMetrics = ReturnType<typeof validatorMetrics>;
