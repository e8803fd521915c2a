import { KarmeshError } from '@karmesh/sdk/errors';
import { addressFromBase58, toBase58 } from '@karmesh/sdk/program';
import { decode, encode, equalBytes, fromHex, PROTOCOL_VERSION, reportCodec, toHex } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { checkOwner } from './openProtection.ts';
import type { ClosedThrough, ProtectionOwner, RootVoteRow } from './protectionRows.ts';
import { bareRow, NOTHING_CLOSED, type ProtectionState, type SignedRow } from './protectionState.ts';

// Modelled on EIP-3076: numbers are decimal strings, names are snake_case, and one file can hold several validators.

const FORMAT = 'karmesh-slashing-protection';
const FORMAT_VERSION = '1';
/** More records than a log holds after it was made smaller. */
const MAX_RECORDS = 2_000_000;

const u64Text = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
  .refine((value) => value < 1n << 64n);
/** -1 for none. */
const throughText = z.union([z.literal('-1').transform(() => -1n), u64Text]);
const smallText = (max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number)
    .refine((value) => value <= max);
const hashText = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(fromHex);
const addressText = z.string().transform((text, context) => {
  try {
    return addressFromBase58(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is no address' });
    return z.NEVER;
  }
});
const openingSchema = z.strictObject({
  report: z
    .string()
    .regex(/^([0-9a-f]{2}){1,1024}$/)
    .transform((text, context) => {
      try {
        return decode(reportCodec, fromHex(text));
      } catch {
        context.addIssue({ code: 'custom', message: 'is no report' });
        return z.NEVER;
      }
    }),
  salt: hashText,
});

const validatorSchema = z.strictObject({
  participant: addressText,
  identity: addressText,
  closed_through: z.strictObject({ attestation: throughText, root_vote: throughText, verdict: throughText }),
  attestations: z
    .array(z.strictObject({ epoch: u64Text, manifest_hash: hashText, salt: hashText.optional() }))
    .max(MAX_RECORDS),
  root_votes: z
    .array(
      z.strictObject({
        epoch: u64Text,
        attempt: smallText(2 ** 32 - 1),
        verdicts_root: hashText,
        report_hash: hashText,
        opening: openingSchema.optional(),
      }),
    )
    .max(MAX_RECORDS),
  verdicts: z
    .array(z.strictObject({ epoch: u64Text, entry_hash: hashText, attempt: smallText(255), verdict_hash: hashText }))
    .max(MAX_RECORDS),
});

const fileSchema = z.strictObject({
  metadata: z.strictObject({
    interchange_format: z.literal(FORMAT),
    interchange_format_version: z.literal(FORMAT_VERSION),
    genesis_hash: addressText,
    program_id: addressText,
    protocol_version: z.literal(String(PROTOCOL_VERSION)),
  }),
  data: z.array(validatorSchema).max(1_024),
});

/** The interchange file as JSON has it. */
export type InterchangeFile = z.input<typeof fileSchema>;

export interface ExportOptions {
  /** Only the closed epochs: nothing at or below the newest signed one is signed by whoever imports it. */
  readonly minimal?: boolean;
  /** With what is needed to reveal what was sealed. */
  readonly withSalts?: boolean;
}

/** What a log says, as a file for another folder of the same validator. `owner` names whose it is. */
export function toInterchange(
  state: ProtectionState,
  owner: ProtectionOwner,
  { minimal = false, withSalts = false }: ExportOptions = {},
): InterchangeFile {
  const closed = minimal ? state.newest() : state.closedThrough();
  const rows = minimal
    ? []
    : state.rows().flatMap((row): readonly SignedRow[] => {
        if (row.kind === 'owner' || row.kind === 'closed') return [];
        return [withSalts ? row : bareRow(row)];
      });
  return {
    metadata: {
      interchange_format: FORMAT,
      interchange_format_version: FORMAT_VERSION,
      genesis_hash: toBase58(owner.genesis),
      program_id: toBase58(owner.programId),
      protocol_version: String(PROTOCOL_VERSION),
    },
    data: [
      {
        participant: toBase58(owner.participant),
        identity: toBase58(owner.identity),
        closed_through: {
          attestation: String(closed.attestation),
          root_vote: String(closed.rootVote),
          verdict: String(closed.verdict),
        },
        attestations: rows.flatMap((row) =>
          row.kind === 'attestation'
            ? [
                {
                  epoch: String(row.epoch),
                  manifest_hash: toHex(row.manifestHash),
                  ...(row.salt === undefined ? {} : { salt: toHex(row.salt) }),
                },
              ]
            : [],
        ),
        root_votes: rows.flatMap((row) => (row.kind === 'rootVote' ? [rootVoteJson(row)] : [])),
        verdicts: rows.flatMap((row) =>
          row.kind === 'verdict'
            ? [
                {
                  epoch: String(row.epoch),
                  entry_hash: toHex(row.entryHash),
                  attempt: String(row.attempt),
                  verdict_hash: toHex(row.verdictHash),
                },
              ]
            : [],
        ),
      },
    ],
  };
}

function rootVoteJson(row: RootVoteRow): InterchangeFile['data'][number]['root_votes'][number] {
  const { epoch, attempt, verdictsRoot, reportHash, opening } = row;
  return {
    epoch: String(epoch),
    attempt: String(attempt),
    verdicts_root: toHex(verdictsRoot),
    report_hash: toHex(reportHash),
    ...(opening === undefined
      ? {}
      : { opening: { report: toHex(encode(reportCodec, opening.report)), salt: toHex(opening.salt) } }),
  };
}

/** What a file says of one validator. */
export interface Imported {
  readonly closed: ClosedThrough;
  readonly rows: readonly SignedRow[];
}

/**
 * Reads a file for a validator.
 *
 * @throws KarmeshError `SLASHING_PROTECTION` if it is not an interchange file, is of another cluster or program, or does not speak of this validator.
 */
export function fromInterchange(json: unknown, owner: ProtectionOwner): Imported {
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new KarmeshError('SLASHING_PROTECTION', 'The file is not a slashing-protection file of this version.', {
      faults: z.prettifyError({ ...parsed.error, issues: parsed.error.issues.slice(0, 5) }),
    });
  }
  const { metadata, data } = parsed.data;
  const [first] = data;
  const own = data.filter(({ participant }) => equalBytes(participant, owner.participant));
  const named = own[0] ?? first;
  if (named === undefined)
    throw new KarmeshError('SLASHING_PROTECTION', 'The file speaks of no validator.', {
      expected: toBase58(owner.participant),
    });
  const { participant, identity } = named;
  checkOwner({ genesis: metadata.genesis_hash, programId: metadata.program_id, participant, identity }, owner);
  const closed = own.reduce(
    (sum, { closed_through: { attestation, root_vote, verdict } }) => ({
      attestation: sum.attestation > attestation ? sum.attestation : attestation,
      rootVote: sum.rootVote > root_vote ? sum.rootVote : root_vote,
      verdict: sum.verdict > verdict ? sum.verdict : verdict,
    }),
    NOTHING_CLOSED,
  );
  const rows = own.flatMap(({ attestations, root_votes, verdicts }): SignedRow[] => [
    ...attestations.map(
      ({ epoch, manifest_hash, salt }): SignedRow => ({
        kind: 'attestation',
        epoch,
        manifestHash: manifest_hash,
        salt,
      }),
    ),
    ...root_votes.map(
      ({ epoch, attempt, verdicts_root, report_hash, opening }): SignedRow => ({
        kind: 'rootVote',
        epoch,
        attempt,
        verdictsRoot: verdicts_root,
        reportHash: report_hash,
        opening,
      }),
    ),
    ...verdicts.map(
      ({ epoch, entry_hash, attempt, verdict_hash }): SignedRow => ({
        kind: 'verdict',
        epoch,
        entryHash: entry_hash,
        attempt,
        verdictHash: verdict_hash,
        signed: undefined,
      }),
    ),
  ]);
  return { closed, rows };
}
