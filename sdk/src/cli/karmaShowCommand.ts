import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { addressFromBase58, type ParticipantAccount, ROLE, toBase58 } from '../program/index.ts';
import { equalBytes, KARMA_PARTS, karmaAt, namedParameters } from '../protocol/index.ts';
import { ownBond } from '../protocol/units.ts';
import { command, output } from '../runtime/index.ts';
import { chainSettings, readingClient } from './chainSettings.ts';
import { configFiles } from './clientConfig.ts';
import type { ListedCommand } from './listedCommand.ts';

const schema = z.object(chainSettings);

/** `karmesh karma show [ADDRESS]`: karma as it has decayed by now, of one participant or of all. */
export const karmaShowCommand: ListedCommand = {
  title: 'show the karma and pay of participants',
  ...command({
    program: 'karmesh karma show',
    summary: 'Shows karma (decayed to the current slot) and what was paid, of one participant or of all.',
    section: 'karma',
    schema,
    positionals: [
      { name: 'participant', description: 'the address of its account, its owner or its identity', optional: true },
    ],
    files: configFiles,
    async run(read, { signal }) {
      const { client } = await readingClient(read.config);
      const config = await client.checkCluster({ signal });
      const parameters = namedParameters(config.parameters);
      const [participants, slot] = await Promise.all([
        client.participants({ signal }),
        client.connection.getSlot('confirmed'),
      ]);
      const [wanted] = read.positionals;
      const address = wanted === undefined ? undefined : addressFromBase58(wanted);
      const shown = participants.filter(
        (participant) =>
          address === undefined ||
          [participant.address, participant.owner, participant.identity].some((key) => equalBytes(key, address)),
      );
      if (address !== undefined && shown.length === 0) {
        throw new KarmeshError('BAD_ARGUMENT', 'Nobody is registered under this address.', { address: wanted });
      }
      const rows = shown.map((participant) => {
        const karma = karmaAt(participant, { slot: BigInt(slot), parameters });
        return {
          participant: toBase58(participant.address),
          role: roleName(participant),
          karma: Object.fromEntries(KARMA_PARTS.map((part, i) => [part, karma[i] ?? 0n])),
          paidLamports: participant.lifetimePaid,
          bondLamports: ownBond(participant),
        };
      });
      output({ json: read.config.json })().data(rows, () => renderKarma(rows));
      return 0;
    },
  }),
};

function roleName(participant: ParticipantAccount): string {
  return Object.entries(ROLE).find(([, role]) => role === participant.role)?.[0] ?? 'unknown';
}

/** A table; karma in whole units with six decimals. */
export function renderKarma(
  rows: readonly {
    readonly participant: string;
    readonly role: string;
    readonly karma: Readonly<Record<string, bigint>>;
    readonly paidLamports: bigint;
  }[],
): string {
  const karma = (micro: bigint): string => `${micro / 1_000_000n}.${(micro % 1_000_000n).toString().padStart(6, '0')}`;
  const table = [
    ['participant', 'role', ...KARMA_PARTS, 'paid (lamports)'],
    ...rows.map((row) => [
      row.participant,
      row.role,
      ...KARMA_PARTS.map((part) => karma(row.karma[part] ?? 0n)),
      row.paidLamports.toString(),
    ]),
  ];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n');
}
