import { join } from 'node:path';
import { z } from 'zod';
import { clusterSettings } from '../../clusters/chooseCluster.ts';
import type { ConfigAccount, EpochAccount, ParticipantAccount } from '../../program/index.ts';
import type { ConfigSchema } from '../../runtime/index.ts';
import { bondSettings, identitySettings, speechSettings } from '../settings.ts';

/** What the chain says of an owner's claims. */
export interface ClaimsOnChain {
  readonly config: Pick<ConfigAccount, 'domain' | 'lastFinalisedEpoch'>;
  /** The last final epoch; undefined before the first. */
  readonly lastFinal: Pick<EpochAccount, 'epoch' | 'verdictsRoot' | 'reportHash'> | undefined;
  readonly participant: Pick<ParticipantAccount, 'address' | 'lifetimePaid'>;
}

/** Whom a command of stake is for. */
export interface StakedRole {
  readonly role: 'validator' | 'worker';
  /** The part of karmesh.config.json that it reads, and the schemas of the other commands that do. */
  readonly section: string;
  readonly sharedWith: readonly ConfigSchema[];
  /** Lamports that claims have yet to bring, from a data folder; undefined if it cannot tell. */
  readonly claimable?: (folder: string, of: ClaimsOnChain) => Promise<bigint | undefined>;
}

const named = (role: StakedRole['role'], otherwise: string) =>
  z
    .string()
    .optional()
    .meta({
      description: `the ${role}: the address of its account, its owner or its identity; ${otherwise} unless told`,
      placeholder: 'address',
    });

const signer = {
  ...clusterSettings,
  owner: z.string().optional().meta({
    description: 'the keypair file of the owner, who signs, pays the fee and is paid; no program that runs needs it',
    placeholder: 'file',
  }),
};

const tokens = {
  token: z.boolean().default(false).meta({ description: 'the cluster’s token in place of lamports' }),
  tokenAccount: z.string().optional().meta({
    description: 'of --token: where the staker’s tokens are; its associated token account unless told',
    placeholder: 'address',
  }),
};

const spoken = { dryRun: bondSettings.dryRun, ...speechSettings };

/** For who moves stake behind a validator: its owner, or anyone. */
export const validatorStakeSchema = z.object({
  ...signer,
  staker: z.string().optional().meta({
    description: 'the keypair file of who stakes without owning the validator, in place of --owner',
    placeholder: 'file',
  }),
  validator: named('validator', 'the owner’s'),
  ...tokens,
  ...spoken,
});

/** For who moves the bond of a worker, which is its owner alone. */
export const workerStakeSchema = z.object({ ...signer, worker: named('worker', 'the owner’s'), ...spoken });

/** For what the owner of a participant decides. */
export const validatorOwnerSchema = z.object({ ...signer, validator: named('validator', 'the owner’s'), ...spoken });
export const workerOwnerSchema = z.object({ ...signer, worker: named('worker', 'the owner’s'), ...spoken });

const looks = {
  ...clusterSettings,
  ...identitySettings,
  collect: z.boolean().default(false).meta({
    description: 'pay out what is due, to the staker; the keypair pays the fee',
  }),
  ...spoken,
};

export const validatorRewardsSchema = z.object({
  ...looks,
  staker: z.string().optional().meta({
    description: 'whose stake to show: an address, or a keypair file; the validator’s owner unless told',
    placeholder: 'address',
  }),
  validator: named('validator', 'the one of the keypair'),
  dataDir: z.string().default(join('.karmesh', 'validator')).meta({
    description: 'the validator’s folder, whose last report says what claims have yet to bring',
    placeholder: 'folder',
  }),
});
export const workerRewardsSchema = z.object({ ...looks, worker: named('worker', 'the one of the keypair') });
