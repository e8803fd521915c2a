import { attendHead } from './attention';
import { linearPart } from './linear';

/**
 * Work that threads share. Every thread has an instance of this module on one memory and calls `help`; whoever runs the model
 * calls `linear` and `attend`, which put a job into a record, wake the others, do their own part, and wait for the rest. The
 * parts write different results, so nobody's speed changes any. Fields of the record, i32 each:
 */
const GENERATION: usize = 0;
const DONE: usize = 4;
const STOP: usize = 8;
const OPERATION: usize = 12;
const ARGUMENTS: usize = 16;

const LINEAR = 1;
const ATTEND = 2;
/** Room for the sums of one part of `linear`. */
const SUMS_BYTES: usize = 256;
/** Turns to look for a change before a thread lies down; a matrix of a small model takes about as long. */
const PATIENCE = 20000;

let record: usize = 0;
let threads: i32 = 1;
let sums: usize = 0;
let scratch: usize = 0;
let scratchBytes: usize = 0;

/**
 * Says where things are: the record (64 bytes, zero), the number of threads, room for 256 bytes a thread, and for the scores of
 * one head (12 bytes a position and 12 more) a thread.
 */
export function assemble(recordAt: usize, threadCount: i32, sumsAt: usize, scratchAt: usize, bytes: usize): void {
  record = recordAt;
  threads = threadCount;
  sums = sumsAt;
  scratch = scratchAt;
  scratchBytes = bytes;
}

/** X-22 and what follows it; see `linearPart`. */
export function linear(d: usize, tokens: i32, x: usize, out: usize, stride: i32): void {
  if (!ASC_FEATURE_THREADS || threads == 1) {
    linearPart(d, tokens, x, out, stride, 0, 1, sums);
    return;
  }
  argument(0, <i32>d);
  argument(1, tokens);
  argument(2, <i32>x);
  argument(3, <i32>out);
  argument(4, stride);
  share(LINEAR);
}

/** X-24 for all heads of one position: q, keys and values as the cache holds them, `group` query heads to one key head. */
export function attend(q: usize, keys: usize, values: usize, stride: i32, count: i32, heads: i32, group: i32, size: i32, shift: i32, wide: i32, out: usize): void {
  argument(0, <i32>q);
  argument(1, <i32>keys);
  argument(2, <i32>values);
  argument(3, stride);
  argument(4, count);
  argument(5, heads);
  argument(6, group);
  argument(7, size);
  argument(8, shift);
  argument(9, wide);
  argument(10, <i32>out);
  if (!ASC_FEATURE_THREADS || threads == 1) attendPart(0, 1);
  else share(ATTEND);
}

function attendPart(part: i32, parts: i32): void {
  const heads = given(5);
  const size = given(7);
  const wide = given(9);
  const bytes = <usize>size << (wide != 0 ? 2 : 1);
  for (let h = (heads * part) / parts; h < (heads * (part + 1)) / parts; h++) {
    const at = <usize>(h / given(6)) * bytes;
    attendHead(<usize>given(0) + <usize>h * bytes, <usize>given(1) + at, <usize>given(2) + at, given(3), given(4), size, given(8), wide, scratch + <usize>part * scratchBytes, <usize>given(10) + (<usize>(h * size) << 2));
  }
}

// @ts-ignore: decorator
@inline
function argument(i: usize, value: i32): void {
  store<i32>(record + ARGUMENTS + (i << 2), value);
}

// @ts-ignore: decorator
@inline
function given(i: usize): i32 {
  return load<i32>(record + ARGUMENTS + (i << 2));
}

function runPart(part: i32): void {
  if (load<i32>(record, OPERATION) == LINEAR)
    linearPart(<usize>given(0), given(1), <usize>given(2), <usize>given(3), given(4), part, threads, sums + <usize>part * SUMS_BYTES);
  else attendPart(part, threads);
}

function share(operation: i32): void {
  if (ASC_FEATURE_THREADS) {
    store<i32>(record, operation, OPERATION);
    atomic.store<i32>(record, 0, DONE);
    atomic.add<i32>(record, 1, GENERATION);
    atomic.notify(record + GENERATION, threads);
    runPart(0);
    const others = threads - 1;
    for (let turns = 0; ; turns++) {
      const done = atomic.load<i32>(record, DONE);
      if (done == others) return;
      if (turns > PATIENCE) atomic.wait<i32>(record + DONE, done, -1);
    }
  }
}

/** A helping thread's life: part `part` of every job until `dismiss`. */
export function help(part: i32): void {
  if (ASC_FEATURE_THREADS) {
    let seen = 0;
    for (;;) {
      for (let turns = 0; atomic.load<i32>(record, GENERATION) == seen; turns++) {
        if (turns > PATIENCE) atomic.wait<i32>(record + GENERATION, seen, -1);
      }
      seen++;
      if (load<i32>(record, STOP) != 0) return;
      runPart(part);
      atomic.add<i32>(record, 1, DONE);
      atomic.notify(record + DONE, 1);
    }
  }
}

/** Ends the helping threads. */
export function dismiss(): void {
  if (ASC_FEATURE_THREADS) {
    store<i32>(record, 1, STOP);
    atomic.add<i32>(record, 1, GENERATION);
    atomic.notify(record + GENERATION, threads);
  }
}
