import { describe, expect, test } from 'vitest';
import { tracingSettings } from './tracingSettings.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
const usual = { protocol: 'http/protobuf', ratio: 1, scheduleDelayMs: 5_000 };

test.each([
  ['nothing is set', {}],
  ['only a name is set', { OTEL_SERVICE_NAME: 'mine' }],
  ['variables are empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: ' ' }],
  ['the exporter is none', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
  ['the SDK is disabled', { ...endpoint, OTEL_SDK_DISABLED: 'true', OTEL_TRACES_SAMPLER: 'nonsense' }],
])('off while %s', (_, env) => {
  expect(tracingSettings(env)).toBeUndefined();
});

test.each([
  ['an endpoint', endpoint, usual],
  ['an endpoint for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, usual],
  ['an exporter', { OTEL_TRACES_EXPORTER: 'otlp' }, usual],
  [
    'everything',
    {
      ...endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    { protocol: 'http/json', ratio: 0.25, scheduleDelayMs: 100 },
  ],
  ['a sampler that takes none', { ...endpoint, OTEL_TRACES_SAMPLER: 'always_off' }, { ...usual, ratio: 0 }],
])('on with %s', (_, env, settings) => {
  expect(tracingSettings(env)).toEqual(settings);
});

describe('what cannot be followed is named by its variable', () => {
  test('all of it at once', () => {
    const env = {
      OTEL_TRACES_EXPORTER: 'otpl',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'allways_on',
      OTEL_TRACES_SAMPLER_ARG: '2',
      OTEL_BSP_SCHEDULE_DELAY: 'soon',
    };
    let thrown: unknown;
    try {
      tracingSettings(env);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'CONFIG_INVALID', message: 'The configuration has faults.' });
    expect((thrown as { facts: unknown }).facts).toMatchInlineSnapshot(`
      {
        "OTEL_BSP_SCHEDULE_DELAY": "is soon; Invalid input: expected number, received NaN",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "must be a URL of http or https",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "is grpc; known here: http/protobuf, http/json",
        "OTEL_TRACES_EXPORTER": "is otpl; known here: otlp, none, did you mean otlp?",
        "OTEL_TRACES_SAMPLER": "is allways_on; known here: always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio, did you mean always_on?",
        "OTEL_TRACES_SAMPLER_ARG": "is 2; Too big: expected number to be <=1",
      }
    `);
  });
});
