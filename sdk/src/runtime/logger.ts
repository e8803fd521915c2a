import { destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type LoggerOptions = {
  /** The program's name, a field of every line. */
  readonly name: string;
  readonly level?: LogLevel;
};

/** Where lines go; stderr unless a test collects them. */
export type LoggerParts = { readonly sink?: { write(line: string): void } };

/** Fields that would hold a prompt, an answer or a secret. A mistake elsewhere must not put one into a log file. */
const secret = [
  'prompt',
  'messages',
  'answer',
  'content',
  'completion',
  'secretKey',
  'apiKey',
  'authorization',
  'salt',
];

/**
 * JSON lines on stderr. `error` means that an operator must act. The sink is synchronous, since the lines before a crash are
 * the ones that are read.
 */
export const logger =
  ({ name, level = 'info' }: LoggerOptions) =>
  ({ sink = destination({ dest: 2, sync: true }) }: LoggerParts = {}): Logger =>
    pino(
      {
        name,
        level,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: secret.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
      },
      sink,
    );
