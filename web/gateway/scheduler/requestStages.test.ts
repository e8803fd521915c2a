import { expect, test } from 'vitest';
import { requestStages } from './requestStages.ts';

test('counts requests where they are, and tells of each move', () => {
  let told = 0;
  const stages = requestStages(() => {
    told += 1;
  });
  const none = { waiting: 0, drawing: 0, working: 0, answering: 0, closing: 0 };
  {
    using first = stages.enter('waiting');
    using _second = stages.enter('waiting');
    first.reach('drawing');
    first.reach('working');
    expect(stages.count()).toEqual({ ...none, waiting: 1, working: 1 });
  }
  expect(stages.count()).toEqual(none);
  expect(told).toBe(6);
});
