import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nextBaseFee } from './baseFee.ts';
import { laneOrder, startsWithin } from './laneOrder.ts';
import { unitPrice } from './lanePrice.ts';

type CourseEvent =
  | { readonly kind: 'enter'; readonly ticket: string; readonly lane: number; readonly account: string }
  | { readonly kind: 'leave'; readonly ticket: string }
  | { readonly kind: 'start'; readonly ticket: string | null };

const vectors: {
  readonly courses: readonly (readonly CourseEvent[])[];
  readonly startsWithin: readonly { readonly lane: number; readonly before: number; readonly starts: number }[];
  readonly baseFees: readonly (Parameters<typeof nextBaseFee>[0] & { readonly next: number })[];
  readonly unitPrices: readonly {
    readonly listPrice: string;
    readonly lane: number;
    readonly baseFee: number;
    readonly unitPrice: string;
  }[];
} = JSON.parse(readFileSync(new URL('../../../test/vectors/lanes.json', import.meta.url), 'utf8'));

test.each(vectors.courses.map((course) => [course]))(
  'L-03, L-04: who starts in each course is the vector’s',
  (course) => {
    const order = laneOrder();
    const started = course.flatMap((event) => {
      if (event.kind === 'enter') order.enter({ ...event, ticket: BigInt(event.ticket) });
      if (event.kind === 'leave') expect(order.leave(BigInt(event.ticket))?.ticket.toString()).toBe(event.ticket);
      return event.kind === 'start' ? [order.start()?.ticket.toString() ?? null] : [];
    });
    expect(started).toEqual(course.flatMap((event) => (event.kind === 'start' ? [event.ticket] : [])));
    expect(started.length).toBeGreaterThan(20);
  },
);

test('L-05: the bounds are the vectors’', () => {
  expect(vectors.startsWithin.map((place) => startsWithin(place))).toEqual(
    vectors.startsWithin.map(({ starts }) => starts),
  );
});

test('L-06: the base fees are the vectors’', () => {
  expect(vectors.baseFees.map((now) => nextBaseFee(now))).toEqual(vectors.baseFees.map(({ next }) => next));
});

test('L-07: the prices are the vectors’', () => {
  expect(
    vectors.unitPrices.map((terms) => unitPrice({ ...terms, listPrice: BigInt(terms.listPrice) }).toString()),
  ).toEqual(vectors.unitPrices.map((each) => each.unitPrice));
});
