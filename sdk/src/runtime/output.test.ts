import { describe, expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { exitCodeOf, type OutputOptions, output, toJson } from './output.ts';

function collect(options: OutputOptions, isTTY = false) {
  const written = { out: '', err: '' };
  const out = output(options)({
    stdout: { write: (text) => (written.out += text), isTTY },
    stderr: { write: (text) => (written.err += text), isTTY },
  });
  return { out, written };
}

const error = new KarmeshError('WORKER_TIMEOUT', 'The worker did not answer in time.', {
  worker: 'w1',
  waitedMs: 5,
  at: undefined,
});

describe('text', () => {
  test('data goes to stdout, talk to stderr', () => {
    const { out, written } = collect({});
    out.talk('Asking.');
    out.data({ answer: 'Paris' }, ({ answer }) => answer);
    expect(written).toEqual({ out: 'Paris\n', err: 'Asking.\n' });
  });

  test('an expected failure is its sentence, its facts and where it is explained, and exits with 1', () => {
    const { out, written } = collect({});
    expect(out.fail(error)).toBe(1);
    expect(written).toEqual({
      out: '',
      err: '✖ The worker did not answer in time.\n  worker: w1\n  waitedMs: 5\n  See docs/errors.md#worker_timeout\n',
    });
  });

  test('a bug shows its stack and exits with 70', () => {
    const { out, written } = collect({});
    expect(out.fail(new TypeError('x is undefined'))).toBe(70);
    expect(written.err).toMatch(/^✖ This is a bug in Karmesh\..*\nTypeError: x is undefined\n {4}at /);
  });

  test('colour only on a terminal and only when wanted', () => {
    const onTerminal = collect({}, true);
    onTerminal.out.fail(error);
    expect(onTerminal.written.err.slice(0, 12)).toBe('\u001b[31m✖\u001b[39m ');
    const plain = collect({ color: false }, true);
    plain.out.fail(error);
    expect(plain.written.err).toMatch(/^✖ /);
  });

  test('progress replaces its line on a terminal and says nothing elsewhere', () => {
    const onTerminal = collect({}, true);
    onTerminal.out.progress('1 of 2');
    onTerminal.out.progress('2 of 2');
    onTerminal.out.talk('Done.');
    expect(onTerminal.written.err).toBe('1 of 2\r\u001b[K2 of 2\r\u001b[KDone.\n');
    const piped = collect({});
    piped.out.progress('1 of 2');
    expect(piped.written.err).toBe('');
  });
});

describe('--json', () => {
  test('data is one line, and nothing is said beside it', () => {
    const { out, written } = collect({ json: true }, true);
    out.talk('Asking.');
    out.progress('1 of 2');
    out.data({ lamports: 5n, root: new Uint8Array([1, 255]) }, () => 'text');
    expect(written).toEqual({ out: '{"lamports":"5","root":"01ff"}\n', err: '' });
  });

  test('an error is one line on stderr', () => {
    const { out, written } = collect({ json: true });
    expect(out.fail(error)).toBe(1);
    expect(written.out).toBe('');
    expect(JSON.parse(written.err)).toEqual({
      error: {
        code: 'WORKER_TIMEOUT',
        sentence: 'The worker did not answer in time.',
        facts: { worker: 'w1', waitedMs: 5 },
        docs: 'docs/errors.md#worker_timeout',
      },
    });
  });
});

test('a wrong configuration is a usage error', () => {
  expect(exitCodeOf(new KarmeshError('CONFIG_INVALID', 'The configuration has faults.'))).toBe(2);
});

test('bytes in a Buffer are hex too', () => {
  expect(toJson({ bytes: Buffer.from([1, 2]) })).toBe('{"bytes":"0102"}');
});
