import { expect, test } from 'vitest';
import { logger } from './logger.ts';

function collect(level?: 'debug' | 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = logger({ name: 'worker', ...(level === undefined ? {} : { level }) })({
    sink: { write: (line) => lines.push(JSON.parse(line)) },
  });
  return { lines, log };
}

test('a line is JSON with the program, the level’s name and an ISO time', () => {
  const { lines, log } = collect();
  log.debug('not shown');
  log.info({ port: 1 }, 'Listening.');
  expect(lines).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      pid: process.pid,
      hostname: expect.any(String),
      name: 'worker',
      port: 1,
      msg: 'Listening.',
    },
  ]);
});

test('prompts, answers and secrets never reach the log', () => {
  const { lines, log } = collect();
  log.info({ prompt: 'secret words', request: { messages: ['secret words'], salt: 'secret words' } }, 'Received.');
  expect(JSON.stringify(lines)).not.toContain('secret words');
  expect(lines[0]).toMatchObject({ prompt: '[redacted]', request: { messages: '[redacted]', salt: '[redacted]' } });
});
