import type { Address } from '@solana/kit';
import { z } from 'zod';
import { addressBytes, addressOf, fromBase58, toBase58 } from '../base58.ts';
import type { AccountChange } from '../ledger/account.ts';
import type { Block, Checkpoint, LedgerEvent, TransactionRecord } from '../ledger/event.ts';
import type { TokenBalance } from '../ledger/tokenBalances.ts';
import type { TransactionError } from '../ledger/transactionError.ts';
import { damagedRecord, Reader, Writer } from './binary.ts';

const kinds = ['slot', 'transaction', 'account', 'checkpoint'] as const satisfies readonly LedgerEvent['kind'][];

/** One record of the log: the events that become durable together, in order. */
export function encodeEvents(events: readonly LedgerEvent[]): Uint8Array {
  const writer = new Writer();
  for (const event of events) {
    writer.u8(kinds.indexOf(event.kind) + 1);
    if (event.kind === 'slot') {
      writer.u64(event.slot);
      writer.u64(event.unixTimestamp);
      writeBlock(writer, event.parent);
    } else if (event.kind === 'transaction') {
      writeRecord(writer, event.record);
      writer.list(event.changes, (change) => writeChange(writer, change));
    } else if (event.kind === 'account') {
      writeChange(writer, event.change);
    } else {
      writeCheckpoint(writer, event.checkpoint);
    }
  }
  return writer.finish();
}

/** @throws KarmeshError `STORE_FAILED` if the record is not one of this version. */
export function decodeEvents(bytes: Uint8Array): readonly LedgerEvent[] {
  const reader = new Reader(bytes);
  const events: LedgerEvent[] = [];
  while (reader.remaining > 0) events.push(readEvent(reader));
  return events;
}

function readEvent(reader: Reader): LedgerEvent {
  const kind = kinds[reader.u8() - 1];
  switch (kind) {
    case 'slot':
      return { kind, slot: reader.number(), unixTimestamp: reader.number(), parent: readBlock(reader) };
    case 'transaction':
      return { kind, record: readRecord(reader), changes: reader.list(() => readChange(reader)) };
    case 'account':
      return { kind, change: readChange(reader) };
    case 'checkpoint':
      return { kind, checkpoint: readCheckpoint(reader) };
    default:
      throw damagedRecord();
  }
}

function writeAddress(writer: Writer, address: Address): void {
  writer.fixed(addressBytes(address));
}

function readAddress(reader: Reader): Address {
  return addressOf(reader.fixed(32));
}

function writeBlock(writer: Writer, { slot, unixTimestamp, hash, blockhash }: Block): void {
  writer.u64(slot);
  writer.u64(unixTimestamp);
  writer.fixed(hash);
  writer.fixed(fromBase58(blockhash, 44) ?? new Uint8Array(32));
}

function readBlock(reader: Reader): Block {
  return {
    slot: reader.number(),
    unixTimestamp: reader.number(),
    hash: reader.fixed(32),
    blockhash: toBase58(reader.fixed(32)),
  };
}

function writeCheckpoint(writer: Writer, checkpoint: Checkpoint): void {
  writer.u64(checkpoint.slot);
  writer.u64(checkpoint.unixTimestamp);
  writer.u64(checkpoint.epochStartTimestamp);
  writer.u64(checkpoint.transactionCount);
  writer.list(checkpoint.blocks, (block) => writeBlock(writer, block));
}

function readCheckpoint(reader: Reader): Checkpoint {
  return {
    slot: reader.number(),
    unixTimestamp: reader.number(),
    epochStartTimestamp: reader.number(),
    transactionCount: reader.number(),
    blocks: reader.list(() => readBlock(reader)),
  };
}

function writeChange(writer: Writer, { address, account }: AccountChange): void {
  writeAddress(writer, address);
  writer.u8(account === undefined ? 0 : account.executable ? 2 : 1);
  if (account === undefined) return;
  writer.u64(account.lamports);
  writeAddress(writer, account.owner);
  writer.bytes(account.data);
}

function readChange(reader: Reader): AccountChange {
  const address = readAddress(reader);
  const state = reader.u8();
  if (state === 0) return { address, account: undefined };
  if (state > 2) throw damagedRecord();
  const lamports = reader.u64();
  const owner = readAddress(reader);
  return { address, account: { lamports, owner, data: reader.bytes(), executable: state === 2 } };
}

function writeTokenBalance(writer: Writer, balance: TokenBalance): void {
  writer.u8(balance.accountIndex);
  writeAddress(writer, balance.mint);
  writeAddress(writer, balance.owner);
  writer.u64(balance.amount);
  writer.u8(balance.decimals);
}

function readTokenBalance(reader: Reader): TokenBalance {
  return {
    accountIndex: reader.u8(),
    mint: readAddress(reader),
    owner: readAddress(reader),
    amount: reader.u64(),
    decimals: reader.u8(),
  };
}

function writeRecord(writer: Writer, record: TransactionRecord): void {
  writer.text(record.signature);
  writer.u64(record.slot);
  writer.u64(record.blockTime);
  writer.bytes(record.bytes);
  writer.text(JSON.stringify(record.err));
  writer.list(record.logs, (line) => writer.text(line));
  writer.u64(record.unitsConsumed);
  writer.u64(record.fee);
  writer.list(record.preBalances, (balance) => writer.u64(balance));
  writer.list(record.postBalances, (balance) => writer.u64(balance));
  writer.list(record.preTokenBalances, (balance) => writeTokenBalance(writer, balance));
  writer.list(record.postTokenBalances, (balance) => writeTokenBalance(writer, balance));
  writer.list(record.innerInstructions, (group) =>
    writer.list(group, ({ programIdIndex, accounts, data, stackHeight }) => {
      writer.u8(programIdIndex);
      writer.bytes(Uint8Array.from(accounts));
      writer.bytes(data);
      writer.u8(stackHeight);
    }),
  );
  writer.list(record.returnData === undefined ? [] : [record.returnData], ({ programId, data }) => {
    writeAddress(writer, programId);
    writer.bytes(data);
  });
  writer.list(record.loadedWritable, (address) => writeAddress(writer, address));
  writer.list(record.loadedReadonly, (address) => writeAddress(writer, address));
}

function readRecord(reader: Reader): TransactionRecord {
  return {
    signature: reader.text(),
    slot: reader.number(),
    blockTime: reader.number(),
    bytes: reader.bytes(),
    err: readError(reader.text()),
    logs: reader.list(() => reader.text()),
    unitsConsumed: reader.number(),
    fee: reader.u64(),
    preBalances: reader.list(() => reader.u64()),
    postBalances: reader.list(() => reader.u64()),
    preTokenBalances: reader.list(() => readTokenBalance(reader)),
    postTokenBalances: reader.list(() => readTokenBalance(reader)),
    innerInstructions: reader.list(() =>
      reader.list(() => ({
        programIdIndex: reader.u8(),
        accounts: [...reader.bytes()],
        data: reader.bytes(),
        stackHeight: reader.u8(),
      })),
    ),
    returnData: reader.list(() => ({ programId: readAddress(reader), data: reader.bytes() }))[0],
    loadedWritable: reader.list(() => readAddress(reader)),
    loadedReadonly: reader.list(() => readAddress(reader)),
  };
}

const errorSchema = z.union([z.null(), z.string(), z.record(z.string(), z.unknown())]);

function readError(text: string): TransactionError | null {
  try {
    return errorSchema.parse(JSON.parse(text));
  } catch {
    throw damagedRecord();
  }
}
