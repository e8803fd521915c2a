import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { KarmeshError } from '../errors.ts';
import { syncFolder } from './atomicFile.ts';
import { storeError } from './storeError.ts';

const magic = new TextEncoder().encode('KARMLOG1');
const frameHeader = 8;
const recordHeader = 4;

export type AppendLogOptions = {
  readonly path: string;
  /** The largest record in bytes, 1 MiB unless told. A longer one is refused, and so is a file that claims one. */
  readonly maxRecordBytes?: number;
};

export type AppendLog = AsyncDisposable & {
  readonly path: string;
  /** How many records are on disk. */
  readonly records: number;
  /** Bytes that opening cut off the end, because the process or the machine stopped while they were written. */
  readonly cutBytes: number;
  /**
   * Adds one record; resolves once it is on disk (fsync). Records that arrive while an fsync runs share the next one.
   *
   * @throws KarmeshError `DISK_FULL` (the log stays usable), `STORE_FAILED`, `MESSAGE_TOO_LARGE`.
   */
  append(record: Uint8Array): Promise<void>;
  /** The records on disk at the time of the call, oldest first. */
  read(): AsyncIterable<Uint8Array>;
  /** Waits for what was appended, then closes; safe to call twice. */
  close(): Promise<void>;
};

type Waiting = { readonly record: Uint8Array; resolve(): void; reject(cause: unknown): void };

/**
 * An append-only file of records, which loses nothing that it acknowledged.
 *
 * Layout, little-endian: the 8 bytes `KARMLOG1`, then frames of `u32 length`, `u32 crc32(length, body)`, body; a body is the
 * records that one fsync made durable, each `u32 length` and its bytes. A frame is written before the next one begins, so a bad
 * frame with nothing valid behind it is what a crash left and is cut, while one with a valid frame behind it is damage to
 * acknowledged records.
 *
 * @throws KarmeshError `STORE_FAILED` when the file is no log or is damaged before its end; nothing is changed then.
 */
export async function openAppendLog({ path, maxRecordBytes = 2 ** 20 }: AppendLogOptions): Promise<AppendLog> {
  // A frame takes records until it exceeds one record's limit, so this bounds what reading a frame may allocate.
  const maxFrameBytes = 2 * (maxRecordBytes + recordHeader);
  let file: FileHandle;
  let opened: { readonly end: number; readonly size: number; readonly records: number };
  try {
    file = await open(path, 'a+', 0o600);
  } catch (cause) {
    throw storeError(path, cause);
  }
  try {
    opened = await recover(file, path, maxFrameBytes);
  } catch (cause) {
    await file.close();
    throw storeError(path, cause);
  }

  let end = opened.end;
  let records = opened.records;
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let broken: KarmeshError | undefined;
  let closed: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = takeBatch();
      try {
        if (broken !== undefined) throw broken;
        await writeFrame(encodeFrame(batch));
        records += batch.length;
        for (const each of batch) each.resolve();
      } catch (cause) {
        for (const each of batch) each.reject(cause);
      }
    }
    writing = undefined;
  };

  const takeBatch = (): Waiting[] => {
    let bytes = 0;
    let count = 0;
    for (const { record } of waiting) {
      if (count > 0 && bytes > maxRecordBytes) break;
      if (count > 0 && bytes + recordHeader + record.length > maxFrameBytes) break;
      bytes += recordHeader + record.length;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const writeFrame = async (frame: Uint8Array): Promise<void> => {
    try {
      await file.writeFile(frame);
    } catch (cause) {
      // Part of the frame may be in the file; the next frame must not follow it.
      await file.truncate(end).catch((second: unknown) => {
        broken = storeError(path, second);
      });
      throw storeError(path, cause);
    }
    try {
      await file.datasync();
    } catch (cause) {
      // After a failed fsync the kernel may have dropped the pages and calls the next one a success, so nothing more is accepted.
      broken = storeError(path, cause);
      throw broken;
    }
    end += frame.length;
  };

  const append = (record: Uint8Array): Promise<void> => {
    if (record.length > maxRecordBytes) {
      const facts = { path, bytes: record.length, maxRecordBytes };
      return Promise.reject(new KarmeshError('MESSAGE_TOO_LARGE', 'The record is longer than this log takes.', facts));
    }
    if (closed !== undefined) {
      return Promise.reject(new KarmeshError('STORE_FAILED', 'The log is closed.', { path }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // The caller may reuse its buffer before the write happens.
    waiting.push({ record: record.slice(), resolve, reject });
    // Starting in a microtask lets the appends of one turn share the first fsync.
    writing ??= Promise.resolve().then(drain);
    return promise;
  };

  async function* read(): AsyncGenerator<Uint8Array> {
    const until = end;
    let at = magic.length;
    while (at < until) {
      const frame = await readFrame(file, at, until, maxFrameBytes);
      if (frame === undefined) throw damaged(path, at);
      yield* decodeBody(frame.body);
      at = frame.next;
    }
  }

  const close = (): Promise<void> => {
    closed ??= Promise.resolve(writing).then(() => file.close());
    return closed;
  };

  return {
    path,
    get records() {
      return records;
    },
    cutBytes: opened.size - opened.end,
    append,
    read,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function encodeFrame(batch: readonly Waiting[]): Uint8Array {
  const length = batch.reduce((sum, { record }) => sum + recordHeader + record.length, 0);
  const frame = new Uint8Array(frameHeader + length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, length, true);
  let at = frameHeader;
  for (const { record } of batch) {
    view.setUint32(at, record.length, true);
    frame.set(record, at + recordHeader);
    at += recordHeader + record.length;
  }
  view.setUint32(4, checksum(frame.subarray(0, 4), frame.subarray(frameHeader)), true);
  return frame;
}

/** The length is under the checksum too: eight zero bytes, which some file systems leave at a torn end, are then no frame. */
function checksum(length: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(length));
}

function* decodeBody(body: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at < body.length) {
    const length = view.getUint32(at, true);
    yield body.slice(at + recordHeader, at + recordHeader + length);
    at += recordHeader + length;
  }
}

/** Whether a body that passed its checksum is wholly made of records; only a foreign writer would produce another. */
function countRecords(body: Uint8Array): number | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  let count = 0;
  while (at < body.length) {
    if (at + recordHeader > body.length) return undefined;
    at += recordHeader + view.getUint32(at, true);
    count += 1;
  }
  return at === body.length && count > 0 ? count : undefined;
}

type Frame = { readonly body: Uint8Array; readonly records: number; readonly next: number };

async function readFrame(
  file: FileHandle,
  at: number,
  until: number,
  maxFrameBytes: number,
): Promise<Frame | undefined> {
  const header = await readExactly(file, at, frameHeader, until);
  if (header === undefined) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const length = view.getUint32(0, true);
  if (length > maxFrameBytes) return undefined;
  const body = await readExactly(file, at + frameHeader, length, until);
  if (body === undefined || checksum(header.subarray(0, 4), body) !== view.getUint32(4, true)) return undefined;
  const records = countRecords(body);
  return records === undefined ? undefined : { body, records, next: at + frameHeader + length };
}

async function readExactly(
  file: FileHandle,
  at: number,
  length: number,
  until: number,
): Promise<Uint8Array | undefined> {
  if (at + length > until) return undefined;
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
  }
  return bytes;
}

async function recover(
  file: FileHandle,
  path: string,
  maxFrameBytes: number,
): Promise<{ readonly end: number; readonly size: number; readonly records: number }> {
  const { size } = await file.stat();
  const start = (await readExactly(file, 0, Math.min(size, magic.length), size)) ?? new Uint8Array();
  if (!start.every((byte, index) => byte === magic[index])) {
    throw new KarmeshError('STORE_FAILED', 'The file is not a log of Karmesh.', { path });
  }
  if (size < magic.length) {
    // New, or its creation was interrupted before anything could be acknowledged.
    await file.truncate(0);
    await file.writeFile(magic);
    await file.sync();
    await syncFolder(dirname(path));
    return { end: magic.length, size: magic.length, records: 0 };
  }
  let at = magic.length;
  let records = 0;
  while (at < size) {
    const frame = await readFrame(file, at, size, maxFrameBytes);
    if (frame === undefined) break;
    records += frame.records;
    at = frame.next;
  }
  if (at < size) {
    if (await anyFrameAfter(file, at + 1, size, maxFrameBytes)) throw damaged(path, at);
    await file.truncate(at);
    await file.sync();
  }
  return { end: at, size, records };
}

/** Whether a valid frame begins anywhere in [from, size): a damaged length must not pass for a torn end. */
async function anyFrameAfter(file: FileHandle, from: number, size: number, maxFrameBytes: number): Promise<boolean> {
  const step = 2 ** 16;
  for (let start = from; start + frameHeader < size; start += step) {
    const window = await readExactly(file, start, Math.min(step + frameHeader, size - start), size);
    if (window === undefined) return false;
    const view = new DataView(window.buffer);
    for (let at = 0; at < step && at + frameHeader <= window.length; at += 1) {
      const length = view.getUint32(at, true);
      // A body holds at least one record's header, which also passes over runs of zeros.
      if (length < recordHeader || length > maxFrameBytes || start + at + frameHeader + length > size) continue;
      if ((await readFrame(file, start + at, size, maxFrameBytes)) !== undefined) return true;
    }
  }
  return false;
}

function damaged(path: string, at: number): KarmeshError {
  return new KarmeshError('STORE_FAILED', 'The log is damaged before its end; restore it from a copy.', { path, at });
}
