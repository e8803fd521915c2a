import { KarmeshError } from '../errors.ts';
import { type ChainView, type ParticipantAccount, ROLE, toBase58 } from '../program/index.ts';

/** The account of an identity in a role. Throws `CONFIG_INVALID` if there is none. */
export function registeredAs(
  role: 'worker' | 'validator',
  { view, identity }: { readonly view: Pick<ChainView, 'participantByIdentity'>; readonly identity: Uint8Array },
): ParticipantAccount {
  const account = view.participantByIdentity(identity);
  if (account?.role !== ROLE[role]) {
    throw new KarmeshError(
      'CONFIG_INVALID',
      `No ${role} is registered with this identity; run karmesh ${role} register.`,
      { identity: toBase58(identity) },
    );
  }
  return account;
}
