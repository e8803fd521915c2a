import type { Metrics } from '@karmesh/sdk/runtime';
import { EPOCH_STATES, type EpochState } from './chain/chainReader.ts';
import { SIGNING_STATES, type SigningState } from './slashingProtection/doppelganger.ts';
import type { DutyCounts } from './store/dutyJournal.ts';

const PHASES = ['open', ...EPOCH_STATES] as const;
const VOTES = ['attest', 'revealSalt', 'seal', 'revealRoot'] as const;

/** What a validator counts. */
export function validatorMetrics(metrics: Metrics) {
  const votes = metrics.counter({
    name: 'validator_votes_total',
    help: 'The four votes of each final epoch, by whether the chain has them in time.',
    labels: ['kind', 'outcome'],
  });
  const phase = metrics.gauge({
    name: 'validator_epoch_phase_info',
    help: '1 for the state on chain of the newest epoch that was closed, open before the first.',
    labels: ['phase'],
  });
  const signing = metrics.gauge({
    name: 'validator_signing_info',
    help: '1 for whether it signs: starting, watching for another process with its identity, signing, or stopped because one was seen.',
    labels: ['state'],
  });
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
    dutySeconds: metrics.histogram({
      name: 'validator_duty_duration_seconds',
      help: 'From when a duty came due here until the chain or the disk had it.',
      labels: ['kind'],
      buckets: [0.5, 1, 2, 4, 8, 16, 32, 64, 128],
    }),
    protection: metrics.gauge({
      name: 'validator_protection_records_count',
      help: 'Records in the protection log, which is made smaller now and then.',
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
    waiting: metrics.gauge({
      name: 'validator_waiting_entries_count',
      help: 'Entries that cannot be judged before the chain has moved.',
    }),
    evidence: metrics.counter({
      name: 'validator_evidence_total',
      help: 'Offences by what shows them: found here, shown to the chain by this validator, shown by another first, answered, refused by the chain.',
      labels: ['kind', 'outcome'],
    }),
    evidenceOpen: metrics.gauge({
      name: 'validator_evidence_open_count',
      help: 'Findings of which something is still to be brought to the chain.',
    }),
    evidenceCost: metrics.gauge({
      name: 'validator_evidence_epoch_cost_lamports',
      help: 'What bringing evidence cost in the last epoch in which any was brought, without rents that come back.',
    }),
    casesExecuted: metrics.counter({
      name: 'validator_cases_executed_total',
      help: 'Cases that this validator executed, whoever filed them.',
    }),
    challengesAnswered: metrics.counter({
      name: 'validator_challenges_answered_total',
      help: 'Challenges on chain that this validator answered, for whichever report.',
    }),
    crank: metrics.counter({
      name: 'validator_crank_total',
      help: 'What the crank did, by kind: sent, refused by the chain since it had moved on, or failed. Of reads of the chain only failures count.',
      labels: ['kind', 'outcome'],
    }),
    ledger: metrics.gauge({
      name: 'validator_ledger_epochs',
      help: 'The number of the final epoch whose report this validator holds, counted from 1; 0 before the first.',
    }),
    /** Shows the state of the newest closed epoch, if there is one. */
    phase(state: EpochState | undefined): void {
      for (const each of PHASES) phase.set({ phase: each }, each === (state ?? 'open') ? 1 : 0);
    },
    /** V-26: shows whether votes are signed. */
    signing(state: SigningState): void {
      for (const each of SIGNING_STATES) signing.set({ state: each }, each === state ? 1 : 0);
    },
    /** Counts what one more epoch has added to the journal. */
    votes(before: DutyCounts, after: DutyCounts): void {
      for (const kind of VOTES) {
        votes.inc({ kind, outcome: 'kept' }, after.done[kind] - before.done[kind]);
        votes.inc({ kind, outcome: 'missed' }, after.missed[kind] - before.missed[kind]);
      }
    },
  };
}
export type ValidatorMetrics = ReturnType<typeof validatorMetrics>;
