import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.ts';
import type { FinishedSpan } from './stageSpans.ts';
import type { TracingSettings } from './tracingSettings.ts';

/** Sends finished spans to a collector, some at a time. One that cannot be sent is lost. */
export interface SpanExport extends AsyncDisposable {
  add(span: FinishedSpan): void;
}

/** How long a program that ends waits for its last spans to be sent. */
const LAST_MS = 3_000;
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** Spans leave through OpenTelemetry's own SDK, which also heeds those of its variables that are not among the settings. */
export const spanExport =
  (settings: TracingSettings & { readonly serviceName: string }) =>
  async ({ log }: { readonly log: Pick<Logger, 'warn'> }): Promise<SpanExport> => {
    const warn = (sentence: string): void => log.warn({ said: sentence }, 'Spans could not be sent.');
    diag.setLogger(
      { error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
    // The SDK asks for ids when a span starts; ours have theirs already.
    let next: Pick<FinishedSpan, 'traceId' | 'spanId'> = { traceId: '', spanId: '' };
    const provider = new TracerProvider({
      idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
      sampler: new TraceIdRatioBasedSampler(settings.ratio),
      resource: defaultResource()
        .merge(resourceFromAttributes({ 'service.name': settings.serviceName }))
        // Not what the process was started with: a command line may hold what is nobody's business.
        .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: await openExporter(settings.protocol),
          scheduledDelayMillis: settings.scheduleDelayMs,
        }),
      ],
    });
    const tracer = provider.getTracer('karmesh');
    return {
      add(finished) {
        next = finished;
        const { traceId, parentSpanId, attributes, startMs, kind } = finished;
        const context =
          parentSpanId === undefined
            ? ROOT_CONTEXT
            : trace.setSpanContext(ROOT_CONTEXT, {
                traceId,
                spanId: parentSpanId,
                traceFlags: TraceFlags.SAMPLED,
                isRemote: true,
              });
        const span = tracer.startSpan(
          finished.name,
          { startTime: startMs, kind: KINDS[kind], attributes: { ...attributes } },
          context,
        );
        if (finished.fault !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: finished.fault });
        span.end(finished.endMs);
      },
      [Symbol.asyncDispose]: async () => {
        let timer: ReturnType<typeof setTimeout> | undefined;
        const late = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, LAST_MS);
        });
        // A collector that is gone must not keep a program from ending.
        await Promise.race([provider.shutdown().catch(() => {}), late]);
        clearTimeout(timer);
        diag.disable();
      },
    };
  };

async function openExporter(protocol: TracingSettings['protocol']): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}
