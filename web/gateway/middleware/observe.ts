import type { Metrics } from '@karmesh/sdk/runtime';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';

/** Counts and times every request by route, never by what it holds. A stream's time ends with its headers. */
export const observe = (parts: { readonly metrics: Metrics; readonly clock: { nowMs(): number } }) => {
  const requests = parts.metrics.counter({
    name: 'gateway_http_requests_total',
    help: 'HTTP requests answered.',
    labels: ['route', 'status'],
  });
  const duration = parts.metrics.histogram({
    name: 'gateway_http_duration_seconds',
    help: 'From a request to the headers of its answer.',
    labels: ['route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120],
  });
  return createMiddleware(async (context, next) => {
    const began = parts.clock.nowMs();
    await next();
    const route = routePath(context, -1);
    requests.inc({ route, status: context.res.status.toString() });
    duration.observe({ route }, (parts.clock.nowMs() - began) / 1000);
  });
};
