import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { observeChain, observePeers } from '@karmesh/sdk/participant';
import { health, logger, type Metrics, metrics } from '@karmesh/sdk/runtime';
import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { workerMetrics } from '../../node/src/cli/workerMetrics.ts';
import { observeDisk } from '../../validator/src/observeDisk.ts';
import { validatorMetrics } from '../../validator/src/validatorMetrics.ts';
import { createApp } from '../../web/gateway/app.ts';
import { observeMarket } from '../../web/gateway/observeMarket.ts';

const root = new URL('../../', import.meta.url);

/** Labels that Prometheus adds to everything that it scrapes. */
const SCRAPED = ['instance', 'job'];

/** Ours that no panel shows, each with the reason. */
const NOT_SHOWN: Readonly<Record<string, string>> = {};

const never = (): never => {
  throw new Error('No metric is read here.');
};

/** What every participant registers. */
function participant(measured: Metrics): void {
  observePeers(measured);
  observeChain(measured, {
    view: { slot: never, epoch: never, config: never, participant: never, staleness: never, onSlot: () => () => {} },
    participant: new Uint8Array(32),
    balance: never,
    now: () => 0,
  });
}

/** The registries of the roles, filled by the functions that their programs fill them with. */
const roles: Readonly<Record<string, (measured: Metrics) => void>> = {
  worker(measured) {
    participant(measured);
    workerMetrics(measured, { active: 1, waiting: 1 });
  },
  validator(measured) {
    participant(measured);
    validatorMetrics(measured);
    observeDisk(measured, { folder: '.' });
  },
  gateway(measured) {
    participant(measured);
    observeMarket(measured).watch({
      market: { running: 0, waiting: 0, availableLamports: 0n },
      most: { maxRunning: 1, maxWaiting: 1 },
      unpublished: never,
      committedAhead: never,
      workerStates: never,
      unredeemed: never,
      ledgerDifferences: never,
      nowMs: never,
    });
    createApp({ maxBodyBytes: 1, defaultMaxTokens: 1, deadlineMs: 1 })({
      market: { models: () => [], ask: never },
      health: health(),
      metrics: measured,
      log: logger({ name: 'gateway', level: 'silent' })(),
      clock: { nowMs: () => 0 },
      findKey: async () => undefined,
      findBundle: async () => undefined,
    });
  },
};

type Series = { readonly metric: string; readonly isCounter: boolean; readonly labels: readonly string[] };

/** Every series that some role exposes, by its name in queries. */
function exposed(): ReadonlyMap<string, Series> {
  const out = new Map<string, Series>();
  for (const fill of Object.values(roles)) {
    const measured = metrics();
    fill(measured);
    for (const metric of measured.registry.getMetricsAsArray()) {
      const { name } = metric;
      const labels = [...('labelNames' in metric ? z.array(z.string()).parse(metric.labelNames) : []), ...SCRAPED];
      const type = String(metric.type);
      if (type !== 'histogram') out.set(name, { metric: name, isCounter: type === 'counter', labels });
      else {
        out.set(`${name}_bucket`, { metric: name, isCounter: true, labels: [...labels, 'le'] });
        for (const part of ['sum', 'count']) out.set(`${name}_${part}`, { metric: name, isCounter: true, labels });
      }
    }
  }
  return out;
}

const targetSchema = z.object({ expr: z.string(), legendFormat: z.string() });
const dashboardSchema = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(targetSchema).optional() })),
  templating: z.object({ list: z.array(z.object({ definition: z.string().optional() })) }),
});

type Query = { readonly panel: string; readonly expr: string; readonly legend: string };

async function queries(): Promise<readonly Query[]> {
  const file = await readFile(new URL('docs/grafana/karmesh.json', root), 'utf8');
  const { panels, templating } = dashboardSchema.parse(JSON.parse(file));
  const variables = templating.list.flatMap(({ definition }) => {
    const found = /^label_values\((.+), (\w+)\)$/.exec(definition ?? '');
    return found === null ? [] : [{ panel: 'variable', expr: found[1] ?? '', legend: `{{${found[2]}}}` }];
  });
  const shown = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ panel: title, expr, legend: legendFormat })),
  );
  return [...variables, ...shown];
}

/** The faults of one query by PromQL's own grammar and by what is exposed, and the metrics that it shows. */
function check({ panel, expr, legend }: Query, series: ReadonlyMap<string, Series>) {
  // Grafana puts a duration here before Prometheus sees the query.
  const text = expr.replaceAll('$__rate_interval', '5m');
  const faults: string[] = [];
  const shown: Series[] = [];
  const fault = (what: string): void => void faults.push(`${panel}: ${what} in ${expr}`);
  const say = (node: { readonly from: number; readonly to: number }): string => text.slice(node.from, node.to);
  parser.parse(text).iterate({
    enter(found) {
      const { node } = found;
      if (node.type.isError) fault(`a syntax error at ${node.from}`);
      if (node.name === 'VectorSelector') {
        const identifier = node.getChild('Identifier');
        const name = identifier === null ? '' : say(identifier);
        const one = series.get(name);
        if (one === undefined) {
          fault(`no role exposes ${name}`);
          return;
        }
        shown.push(one);
        for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
          const label = matcher.getChild('LabelName');
          if (label !== null && !one.labels.includes(say(label))) fault(`${name} has no label ${say(label)}`);
        }
        const parent = node.parent?.name === 'MatrixSelector' ? node.parent.parent?.parent : undefined;
        const isRated = parent?.name === 'FunctionCall' && /^(rate|increase)\(/.test(say(parent));
        if (panel !== 'variable' && isRated !== one.isCounter) {
          fault(one.isCounter ? `${name} is a counter without a rate` : `${name} is a gauge with a rate`);
        }
      }
    },
  });
  const known = new Set(shown.flatMap(({ labels }) => labels));
  const grouped = [...text.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, */));
  const legendLabels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  for (const label of [...grouped, ...legendLabels]) if (!known.has(label)) fault(`no label ${label}`);
  return { faults, shown: shown.map(({ metric }) => metric) };
}

/** The metrics that the source registers, by the calls that do. */
async function declared(): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const folder of ['sdk/src', 'node/src', 'validator/src', 'web/gateway', 'programs/localnet/src']) {
    const path = fileURLToPath(new URL(folder, root));
    for (const file of await readdir(path, { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file.includes('node_modules')) continue;
      const source = await readFile(`${path}/${file}`, 'utf8');
      for (const [, name] of source.matchAll(/\.(?:counter|gauge|histogram)\(\{\s*name: '([a-z_]+)'/g)) {
        names.add(`karmesh_${name}`);
      }
    }
  }
  return [...names].sort();
}

test('the registries here hold every metric that the source registers', async () => {
  const ours = new Set([...exposed().values()].map(({ metric }) => metric).filter((name) => /^karmesh_/.test(name)));
  expect(await declared()).toEqual([...ours].sort());
});

test('every query of the dashboard is PromQL over metrics and labels that a role exposes', async () => {
  const series = exposed();
  const asked = await queries();
  expect(asked.length).toBeGreaterThan(40);
  expect(asked.flatMap((query) => check(query, series).faults)).toEqual([]);
});

test('every metric of ours is on the dashboard or says why not', async () => {
  const series = exposed();
  const shown = new Set((await queries()).flatMap((query) => check(query, series).shown));
  const ours = [...series.values()].map(({ metric }) => metric).filter((name) => name.startsWith('karmesh_'));
  const missing = [...new Set(ours)].filter((name) => !shown.has(name));
  expect(missing.sort()).toEqual(Object.keys(NOT_SHOWN).sort());
});

/** The rules of the alert files under docs/deploy, with all that a rule must have. */
async function alerts(): Promise<readonly (Query & { readonly file: string; readonly rule: string })[]> {
  const folder = fileURLToPath(new URL('docs/deploy', root));
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('alerts.yml')).sort();
  const found = [];
  for (const file of files) {
    const text = await readFile(`${folder}/${file}`, 'utf8');
    // The file keeps to one form, so that it is read without a library for all of YAML; Prometheus reads any.
    for (const rule of text.split(/^ {6}- alert: /m).slice(1)) {
      const panel = rule.slice(0, rule.indexOf('\n'));
      const [, expr = ''] = /^ {8}expr: (.+)$/m.exec(rule) ?? [];
      const labels = [...rule.matchAll(/\{\{ \$labels\.(\w+) \}\}/g)].map(([, label]) => `{{${label}}}`);
      found.push({ file, rule, panel, expr, legend: labels.join(' ') });
    }
  }
  return found;
}

test('every alert asks PromQL of metrics and labels that a role exposes, and says how bad it is and what to do', async () => {
  const series = exposed();
  const rules = await alerts();
  expect(rules.map(({ file }) => file)).toContain('validator/alerts.yml');
  expect(rules.length).toBeGreaterThan(8);
  expect(rules.flatMap((rule) => check(rule, series).faults)).toEqual([]);
  // A rule that asks nothing never fires.
  expect(rules.filter((rule) => check(rule, series).shown.length === 0)).toEqual([]);
  const incomplete = rules.filter(
    ({ rule }) =>
      !/^ {8}labels: \{ severity: (page|ticket) \}$/m.test(rule) ||
      !/^ {10}summary: .+\.$/m.test(rule) ||
      !/^ {10}todo: .+\.$/m.test(rule),
  );
  expect(incomplete.map(({ panel }) => panel)).toEqual([]);
  expect(new Set(rules.map(({ panel }) => panel)).size).toBe(rules.length);
});

test('every metric that the guide names exists', async () => {
  const guide = await readFile(new URL('docs/guides/monitoring.md', root), 'utf8');
  const named = [...new Set(guide.match(/karmesh_[a-z_]+/g))];
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((name) => !exposed().has(name))).toEqual([]);
});

test('a wrong query is found out', () => {
  const series = exposed();
  const faultsOf = (expr: string, legend = ''): readonly string[] =>
    check({ panel: 'P', expr, legend }, series).faults.map((fault) => fault.split(' in ')[0] ?? '');
  expect(faultsOf('sum(rate(karmesh_worker_tokens_total[5m])')).toEqual(['P: a syntax error at 41']);
  expect(faultsOf('rate(karmesh_worker_words_total[5m])')).toEqual(['P: no role exposes karmesh_worker_words_total']);
  expect(faultsOf('rate(karmesh_worker_tokens_total{colour="red"}[5m])')).toEqual([
    'P: karmesh_worker_tokens_total has no label colour',
  ]);
  expect(faultsOf('sum by (kind, colour) (rate(karmesh_worker_tokens_total[5m]))', '{{shape}}')).toEqual([
    'P: no label colour',
    'P: no label shape',
  ]);
  expect(faultsOf('karmesh_worker_tokens_total')).toEqual([
    'P: karmesh_worker_tokens_total is a counter without a rate',
  ]);
  expect(faultsOf('rate(karmesh_worker_requests_count[5m])')).toEqual([
    'P: karmesh_worker_requests_count is a gauge with a rate',
  ]);
});
