import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { fetchBundle } from '../client/fetchBundle.ts';
import { type TicketBreak, type TicketVerdict, verifyTicket } from '../client/verifyTicket.ts';
import { KarmeshError } from '../errors.ts';
import { type ParticipantAccount, ROLE } from '../program/index.ts';
import {
  cosignerName,
  decodeBundle,
  equalBytes,
  fromHex,
  LANES,
  type LoggedTicket,
  makeDomain,
  type Signed,
  signedCodec,
  type Ticket,
  ticketRecord,
  toHex,
  tryDecode,
} from '../protocol/index.ts';
import { command, output } from '../runtime/index.ts';
import { chainSettings, readingClient } from './chainSettings.ts';
import { configFiles } from './clientConfig.ts';
import { gatewaySettings } from './gatewaySettings.ts';
import type { ListedCommand } from './listedCommand.ts';

/** A bundle's bound; a ticket's own file is some hundred bytes. */
const MAX_FILE_BYTES = 32 << 20;

const schema = z.object({
  ...chainSettings,
  ...gatewaySettings,
  apiKey: z.string().min(1).optional().meta({
    description: 'the key that asked, where the ticket is named by its request’s id',
    placeholder: 'key',
  }),
});
const ticketFile = z.object({ ticket: z.string().regex(/^(?:[0-9a-f]{2})*$/) });

/** `karmesh ticket verify REQUEST`: exit code 0 only if the log holds from its opening to the ticket's turn. */
export const ticketVerifyCommand: ListedCommand = {
  title: 'recheck from the gateway’s log that nobody was jumped',
  ...command({
    program: 'karmesh ticket verify',
    summary: 'Replays the gateway’s log up to the turn of a ticket, and counts the validators who cosigned it.',
    section: 'ask',
    schema,
    positionals: [
      { name: 'ticket', description: 'the request’s id, 64 hexadecimal digits, or a file with its bundle or ticket' },
    ],
    files: configFiles,
    async run({ config, positionals: [named = ''] }, { signal }) {
      const gateway = { url: config.gateway.replace(/\/$/, '') };
      const ticket = /^[0-9a-f]{64}$/.test(named)
        ? await fetchTicket({ ...gateway, apiKey: config.apiKey }, { requestId: named, signal })
        : await readTicket(named);
      const { client } = await readingClient(config);
      const [account, participants] = await Promise.all([
        client.checkCluster({ signal }),
        client.participants({ signal }),
      ]);
      const domain = makeDomain({ genesisHash: account.genesis, programId: client.addresses.programId });
      const validators = participants
        .filter(({ role }) => role === ROLE.validator)
        .map(({ address, identity }) => ({ name: cosignerName(address), identity }));
      const gatewayKeys = keysOf(participants, ticket.value);
      const verdict = await verifyTicket(gateway, { domain, ticket, gatewayKeys, validators, signal });
      const shown = { verdict, validators: validators.length };
      output({ json: config.json })().data(asData(shown), () => renderTicketVerdict(shown));
      return verdict.holds ? 0 : 1;
    },
  }),
};

async function fetchTicket(
  gateway: { readonly url: string; readonly apiKey: string | undefined },
  request: { readonly requestId: string; readonly signal: AbortSignal },
): Promise<Signed<Ticket>> {
  const { url, apiKey } = gateway;
  if (apiKey === undefined)
    throw new KarmeshError(
      'CONFIG_INVALID',
      'A ticket is fetched by its request’s id with the key that asked: name --api-key, or a file.',
    );
  return decodeBundle(await fetchBundle({ url, apiKey }, request)).entry.ticket;
}

async function readTicket(path: string): Promise<Signed<Ticket>> {
  const json = await readJson(path);
  const own = ticketFile.safeParse(json);
  if (!own.success) return decodeBundle(json).entry.ticket;
  const ticket = tryDecode(signedCodec(ticketRecord), fromHex(own.data.ticket));
  if (ticket === undefined) throw new KarmeshError('BUNDLE_INVALID', 'The file holds no signed ticket.', { path });
  return ticket;
}

async function readJson(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new KarmeshError('BUNDLE_INVALID', 'The file is too large for a bundle.', { path, bytes: size });
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    throw new KarmeshError('BUNDLE_INVALID', 'The file of the ticket cannot be read as JSON.', { path }, cause);
  }
}

function keysOf(participants: readonly ParticipantAccount[], { gateway }: Ticket): readonly Uint8Array[] {
  const account = participants.find(({ role, address }) => role === ROLE.gateway && equalBytes(address, gateway));
  if (account === undefined)
    throw new KarmeshError('BUNDLE_INVALID', 'The ticket’s gateway is not registered on this cluster.');
  return [account.identity, account.previousIdentity];
}

type Shown = { readonly verdict: TicketVerdict; readonly validators: number };

function asData({ verdict, validators }: Shown) {
  const { broken, ticket, cosigners, ...rest } = verdict;
  return {
    ...rest,
    ticket: { ...ticket, hash: toHex(ticket.hash) },
    cosigners: cosigners.length,
    validators,
    ...(broken === undefined ? {} : { broken: brokenData(broken) }),
  };
}

function brokenData({ jumped, jumping, ...broken }: TicketBreak) {
  const logged = (ticket: LoggedTicket) => ({ ...ticket, ticketHash: toHex(ticket.ticketHash) });
  return {
    ...broken,
    ...(jumped === undefined ? {} : { jumped: logged(jumped) }),
    ...(jumping === undefined ? {} : { jumping: logged(jumping) }),
  };
}

/** What the log says, for people. */
export function renderTicketVerdict({ verdict, validators }: Shown): string {
  const { ticket, broken, cosigners, size } = verdict;
  const name = `Ticket ${ticket.number} of lane ${LANES[ticket.lane]?.name ?? ticket.lane}`;
  const counted =
    size === undefined
      ? []
      : [`${cosigners.length} of ${validators} validators cosigned the checkpoint of ${size} events.`];
  if (broken !== undefined) {
    const place = broken.index === undefined ? '' : ` (event ${broken.index})`;
    const shown = broken.jumped === undefined ? [] : [`✖ Jumped: ticket ${toHex(broken.jumped.ticketHash)}`];
    const other = broken.jumping === undefined ? [] : [`✖ Jumping: ticket ${toHex(broken.jumping.ticketHash)}`];
    return [`✖ ${broken.rule}  ${broken.sentence}${place}`, ...shown, ...other, ...counted].join('\n');
  }
  return [`${verdict.holds ? '✔' : '…'} ${name} ${fateSentence(verdict)}`, ...counted].join('\n');
}

function fateSentence({ fate, waitedMs, startedBefore }: TicketVerdict): string {
  const waited = `${waitedMs ?? 0n} ms`;
  switch (fate) {
    case 'started':
      return `had its turn after ${waited}. ${startedBefore} had theirs while it waited, each rightly: nobody was jumped.`;
    case 'left':
      return `left after ${waited} without a turn. Nobody was jumped until then.`;
    case 'dropped':
      return `waited for ${waited} until the gateway’s process began anew. Nobody was jumped until then.`;
    case 'waiting':
      return `still waits. ${startedBefore} had their turn meanwhile, each rightly: nobody was jumped.`;
    default:
      return 'is newer than the gateway’s checkpoint: ask again in some seconds.';
  }
}
