import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { STAGE_CHANNEL, stages } from './stages.ts';

test('tells whoever subscribes which stages a program reaches, at once and in order', () => {
  const seen: unknown[] = [];
  const note = (message: unknown): void => void seen.push(message);
  const reach = stages('worker');
  reach('asked');
  subscribe(STAGE_CHANNEL, note);
  reach('accepted');
  reach('sealed');
  expect(seen).toEqual([
    { program: 'worker', stage: 'accepted' },
    { program: 'worker', stage: 'sealed' },
  ]);
  unsubscribe(STAGE_CHANNEL, note);
  reach('revealed');
  expect(seen).toHaveLength(2);
});
