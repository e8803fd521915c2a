import type { Health, Metrics } from '@karmesh/sdk/runtime';
import { Hono } from 'hono';

/** `/healthz` (would a restart help), `/readyz` (may requests come) and `/metrics` (Prometheus text), for operators, without a key. */
export const operationRoutes = (parts: { readonly health: Health; readonly metrics: Metrics }) =>
  new Hono()
    .get('/healthz', async (context) => {
      const report = await parts.health.report('live');
      return context.json(report, report.ok ? 200 : 503);
    })
    .get('/readyz', async (context) => {
      const report = await parts.health.report('ready');
      return context.json(report, report.ok ? 200 : 503);
    })
    .get('/metrics', async (context) =>
      context.text(await parts.metrics.text(), 200, { 'content-type': parts.metrics.contentType }),
    );
