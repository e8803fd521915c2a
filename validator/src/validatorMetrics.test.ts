import { ZERO_HASH } from '@karmesh/sdk/protocol';
import { metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { countVote, type DutyCounts } from './store/dutyJournal.ts';
import { validatorMetrics } from './validatorMetrics.ts';

const none = { attest: 0, revealSalt: 0, seal: 0, revealRoot: 0 };

test('votes count as kept or missed, and one phase stands out', async () => {
  const registry = metrics({ processMetrics: false });
  const count = validatorMetrics(registry);
  const before: DutyCounts = { lastEpoch: '4', epochs: 5, done: { ...none, seal: 5 }, missed: none };
  const flags = { attested: true, saltRevealed: true, sealed: false, revealed: false, sealAttempt: 0 };
  const vote = { ...flags, saltHash: ZERO_HASH, seal: ZERO_HASH };
  count.votes(before, countVote(before, 5n, vote));
  count.phase(undefined);
  count.phase('beacon');
  const text = await registry.text();
  const samples = text.split('\n').filter((line) => /^karmesh_validator_(votes|epoch_phase)/.test(line));
  expect(samples.map((line) => line.replace('karmesh_validator_', ''))).toEqual([
    'votes_total{kind="attest",outcome="kept"} 1',
    'votes_total{kind="attest",outcome="missed"} 0',
    'votes_total{kind="revealSalt",outcome="kept"} 1',
    'votes_total{kind="revealSalt",outcome="missed"} 0',
    'votes_total{kind="seal",outcome="kept"} 0',
    'votes_total{kind="seal",outcome="missed"} 1',
    'votes_total{kind="revealRoot",outcome="kept"} 0',
    'votes_total{kind="revealRoot",outcome="missed"} 1',
    'epoch_phase_info{phase="open"} 0',
    'epoch_phase_info{phase="closed"} 0',
    'epoch_phase_info{phase="attested"} 0',
    'epoch_phase_info{phase="beacon"} 1',
    'epoch_phase_info{phase="verdicts"} 0',
    'epoch_phase_info{phase="reported"} 0',
    'epoch_phase_info{phase="finalised"} 0',
  ]);
});

test('V-26: one state of signing stands out', async () => {
  const registry = metrics({ processMetrics: false });
  const count = validatorMetrics(registry);
  count.signing('watching');
  count.signing('signing');
  const shown = (await registry.text()).split('\n').filter((line) => /^karmesh_validator_signing_info\{/.test(line));
  expect(shown).toEqual([
    'karmesh_validator_signing_info{state="starting"} 0',
    'karmesh_validator_signing_info{state="watching"} 0',
    'karmesh_validator_signing_info{state="signing"} 1',
    'karmesh_validator_signing_info{state="stopped"} 0',
  ]);
});
