import type { Connection, TransactionInstruction } from '@solana/web3.js';
import type { Report } from '../protocol/report.ts';
import { readAccounts, scanAccounts } from './accountReader.ts';
import {
  ACCOUNT_SIZE,
  type BallotAccount,
  type BufferAccount,
  type CaseAccount,
  type ChallengeAccount,
  type ConfigAccount,
  decodeBallot,
  decodeBuffer,
  decodeCase,
  decodeChallenge,
  decodeConfig,
  decodeEpoch,
  decodeEscrow,
  decodeFault,
  decodeFinding,
  decodeGatewayChain,
  decodeKeyAttestation,
  decodeLayer,
  decodeModelKeys,
  decodeParticipant,
  decodeProposal,
  decodeProven,
  decodeStake,
  decodeVault,
  decodeVote,
  type EpochAccount,
  type EscrowAccount,
  type FaultAccount,
  type FindingAccount,
  type GatewayChainAccount,
  type KeyAttestationAccount,
  type LayerAccount,
  type ModelKeysAccount,
  OWNER_OFFSET,
  type ParticipantAccount,
  PROVEN_ENTRY_OFFSET,
  type ProposalAccount,
  type ProvenAccount,
  provenSize,
  type RawAccount,
  type StakeAccount,
  type VaultAccount,
  type VoteAccount,
} from './accounts.ts';
import { type Address, addressFromBase58, toBase58 } from './address.ts';
import {
  type KeysName,
  type ProgramAddresses,
  type ProvenName,
  programAddresses,
  type StakeName,
} from './addresses.ts';
import { checkedConfig } from './checkedConfig.ts';
import { PROGRAM_ID } from './programId.ts';
import { toPublicKey } from './publicKey.ts';
import { readRevealedReport } from './revealedReport.ts';
import { rpcRequest } from './rpc.ts';
import { type SentTransaction, sendTransaction } from './sendTransaction.ts';
import { type SimulatedTransaction, simulateTransaction } from './simulateTransaction.ts';
import type { TransactionSigner } from './transactionSigner.ts';

interface WithSignal {
  readonly signal: AbortSignal;
}

/** Reads the program's accounts and sends its instructions. Readers return undefined where there is no account. */
export interface ProgramClient {
  readonly connection: Connection;
  readonly addresses: ProgramAddresses;
  readonly payer: TransactionSigner;
  /** Sends instructions in one transaction and waits for its confirmation. Errors as `sendTransaction`. */
  send(
    instructions: readonly TransactionInstruction[],
    options: WithSignal & {
      readonly signers?: readonly TransactionSigner[];
      readonly computeUnits?: number;
      readonly timeoutMs?: number;
      readonly pollMs?: number;
    },
  ): Promise<SentTransaction>;
  /** What `send` would do; signs and sends nothing. Errors as `simulateTransaction`. */
  simulate(
    instructions: readonly TransactionInstruction[],
    options: WithSignal & { readonly computeUnits?: number },
  ): Promise<SimulatedTransaction>;
  config(options: WithSignal): Promise<ConfigAccount | undefined>;
  vault(options: WithSignal): Promise<VaultAccount | undefined>;
  participant(address: Address, options: WithSignal): Promise<ParticipantAccount | undefined>;
  participants(options: WithSignal): Promise<readonly ParticipantAccount[]>;
  chain(gateway: Address, epoch: bigint, options: WithSignal): Promise<GatewayChainAccount | undefined>;
  escrow(address: Address, options: WithSignal): Promise<EscrowAccount | undefined>;
  escrows(options: WithSignal): Promise<readonly EscrowAccount[]>;
  epoch(epoch: bigint, options: WithSignal): Promise<EpochAccount | undefined>;
  vote(epoch: bigint, validator: Address, options: WithSignal): Promise<VoteAccount | undefined>;
  /** Every vote account of an epoch. */
  votes(epoch: bigint, options: WithSignal): Promise<readonly VoteAccount[]>;
  /** Every vote of a validator that was not ended yet. */
  votesOf(validator: Address, options: WithSignal): Promise<readonly VoteAccount[]>;
  /** Every account of an epoch whose rent this identity paid. */
  epochsPaidBy(payer: Address, options: WithSignal): Promise<readonly EpochAccount[]>;
  stake(name: StakeName, options: WithSignal): Promise<StakeAccount | undefined>;
  proposal(address: Address, options: WithSignal): Promise<ProposalAccount | undefined>;
  /** Every proposal, the newest epoch first. */
  proposals(options: WithSignal): Promise<readonly ProposalAccount[]>;
  ballot(proposal: Address, validator: Address, options: WithSignal): Promise<BallotAccount | undefined>;
  /** Every ballot of a validator that was not ended yet. */
  ballotsOf(validator: Address, options: WithSignal): Promise<readonly BallotAccount[]>;
  modelKeys(keys: KeysName, options: WithSignal): Promise<ModelKeysAccount | undefined>;
  keyAttestation(
    modelKeys: Address,
    validator: Address,
    options: WithSignal,
  ): Promise<KeyAttestationAccount | undefined>;
  layer(modelKeys: Address, operator: number, options: WithSignal): Promise<LayerAccount | undefined>;
  proven(record: ProvenName, options: WithSignal): Promise<ProvenAccount | undefined>;
  /** What anybody recorded of an entry's tokens under keys of this number. */
  provenOf(entryHash: Uint8Array, keyCount: number, options: WithSignal): Promise<readonly ProvenAccount[]>;
  buffer(owner: Address, nonce: bigint, options: WithSignal): Promise<BufferAccount | undefined>;
  finding(finder: Address, commitment: Uint8Array, options: WithSignal): Promise<FindingAccount | undefined>;
  offenceCase(offender: Address, offenceKey: Uint8Array, options: WithSignal): Promise<CaseAccount | undefined>;
  /** Every case that was ever filed. */
  cases(options: WithSignal): Promise<readonly CaseAccount[]>;
  /** Every challenge that was not ended. */
  challenges(options: WithSignal): Promise<readonly ChallengeAccount[]>;
  /** A challenge that was not ended. */
  challenge(
    named: { readonly reportHash: Uint8Array; readonly index: number },
    options: WithSignal,
  ): Promise<ChallengeAccount | undefined>;
  /** P-18: the report of this hash that a validator's vote revealed, from the cluster's history; undefined if the node does not have it (any more). */
  revealedReport(
    wanted: { readonly epoch: bigint; readonly validator: Address; readonly isWanted: (report: Report) => boolean },
    options: WithSignal,
  ): Promise<Report | undefined>;
  /** By the fault's address. */
  fault(address: Address, options: WithSignal): Promise<FaultAccount | undefined>;
  /** Lamports of any account, zero where there is none. */
  balance(address: Address, options: WithSignal): Promise<bigint>;
  /** The 32 bytes of the cluster's genesis hash. */
  genesisHash(options: WithSignal): Promise<Uint8Array>;
  /**
   * Reads Config and checks that it belongs to this cluster and this program.
   *
   * @throws KarmeshError `PROGRAM_MISMATCH` if the program was not initialised or is another, `GENESIS_MISMATCH` if Config names another cluster.
   */
  checkCluster(options: WithSignal): Promise<ConfigAccount>;
}

export interface ProgramClientOptions {
  readonly connection: Connection;
  /** `PROGRAM_ID` unless told. */
  readonly programId?: Address;
  readonly payer: TransactionSigner;
}

export function createProgramClient({
  connection,
  programId = PROGRAM_ID,
  payer,
}: ProgramClientOptions): ProgramClient {
  const addresses = programAddresses(programId);
  const one = async (address: Address, options: WithSignal): Promise<RawAccount | undefined> =>
    (await readAccounts(connection, [address], options))[0];
  const decoded = async <T>(address: Address, options: WithSignal, decode: (account: RawAccount) => T) => {
    const account = await one(address, options);
    return account === undefined ? undefined : decode(account);
  };
  const scan = (size: number, { signal }: WithSignal): Promise<readonly RawAccount[]> =>
    scanAccounts(connection, { programId, size, signal });
  /** Those that have this address at the offset. */
  const scanOf = (
    size: number,
    { offset, address }: { readonly offset: number; readonly address: Address },
    { signal }: WithSignal,
  ): Promise<readonly RawAccount[]> =>
    scanAccounts(connection, { programId, size, match: { offset, bytes: toBase58(address) }, signal });

  const client: ProgramClient = {
    connection,
    addresses,
    payer,
    send: (instructions, options) => sendTransaction(connection, { ...options, instructions, payer }),
    simulate: (instructions, options) => simulateTransaction(connection, { ...options, instructions, payer }),
    config: (options) => decoded(addresses.config, options, decodeConfig),
    vault: (options) => decoded(addresses.vault, options, decodeVault),
    participant: (address, options) => decoded(address, options, decodeParticipant),
    participants: async (options) => sortedParticipants(await scan(ACCOUNT_SIZE.participant, options)),
    chain: (gateway, epoch, options) => decoded(addresses.chain(gateway, epoch), options, decodeGatewayChain),
    async escrow(address, options) {
      const account = await one(address, options);
      return account === undefined ? undefined : decodeEscrow(account, await escrowRent(connection, options));
    },
    async escrows(options) {
      const [accounts, rent] = await Promise.all([scan(ACCOUNT_SIZE.escrow, options), escrowRent(connection, options)]);
      return accounts.map((account) => decodeEscrow(account, rent));
    },
    epoch: (epoch, options) => decoded(addresses.epoch(epoch), options, decodeEpoch),
    vote: (epoch, validator, options) => decoded(addresses.vote(epoch, validator), options, decodeVote),
    async votes(epoch, options) {
      const votes = (await scan(ACCOUNT_SIZE.vote, options)).map(decodeVote);
      return votes.filter((vote) => vote.epoch === epoch);
    },
    votesOf: async (validator, options) =>
      (await scanOf(ACCOUNT_SIZE.vote, { offset: OWNER_OFFSET.vote, address: validator }, options)).map(decodeVote),
    epochsPaidBy: async (payer, options) =>
      (await scanOf(ACCOUNT_SIZE.epoch, { offset: OWNER_OFFSET.epoch, address: payer }, options)).map(decodeEpoch),
    stake: (name, options) => decoded(addresses.stake(name), options, decodeStake),
    proposal: (address, options) => decoded(address, options, decodeProposal),
    async proposals(options) {
      const proposals = (await scan(ACCOUNT_SIZE.proposal, options)).map(decodeProposal);
      return proposals.sort((a, b) => Number(b.epoch - a.epoch) || Number(a.nonce - b.nonce));
    },
    ballot: (proposal, validator, options) => decoded(addresses.ballot(proposal, validator), options, decodeBallot),
    ballotsOf: async (validator, options) =>
      (await scanOf(ACCOUNT_SIZE.ballot, { offset: OWNER_OFFSET.ballot, address: validator }, options)).map(
        decodeBallot,
      ),
    modelKeys: (keys, options) => decoded(addresses.modelKeys(keys), options, decodeModelKeys),
    keyAttestation: (modelKeys, validator, options) =>
      decoded(addresses.keyAttestation(modelKeys, validator), options, decodeKeyAttestation),
    layer: (modelKeys, operator, options) => decoded(addresses.layer(modelKeys, operator), options, decodeLayer),
    proven: (record, options) => decoded(addresses.proven(record), options, decodeProven),
    async provenOf(entryHash, keyCount, { signal }) {
      const match = { offset: PROVEN_ENTRY_OFFSET, bytes: toBase58(entryHash) };
      return (await scanAccounts(connection, { programId, size: provenSize(keyCount), match, signal })).map(
        decodeProven,
      );
    },
    buffer: (owner, nonce, options) => decoded(addresses.buffer(owner, nonce), options, decodeBuffer),
    finding: (finder, commitment, options) => decoded(addresses.finding(finder, commitment), options, decodeFinding),
    offenceCase: (offender, key, options) => decoded(addresses.offenceCase(offender, key), options, decodeCase),
    cases: async (options) => (await scan(ACCOUNT_SIZE.case, options)).map(decodeCase),
    challenges: async (options) => (await scan(ACCOUNT_SIZE.challenge, options)).map(decodeChallenge),
    challenge: ({ reportHash, index }, options) =>
      decoded(addresses.challenge(reportHash, index), options, decodeChallenge),
    revealedReport: ({ epoch, validator, isWanted }, options) =>
      readRevealedReport(connection, { vote: addresses.vote(epoch, validator), isWanted }, options),
    fault: (address, options) => decoded(address, options, decodeFault),
    balance: async (address, options) =>
      BigInt(
        await rpcRequest(connection, 'getBalance', options, () =>
          connection.getBalance(toPublicKey(address), 'confirmed'),
        ),
      ),
    genesisHash: async (options) =>
      addressFromBase58(await rpcRequest(connection, 'getGenesisHash', options, () => connection.getGenesisHash())),
    async checkCluster(options) {
      const [config, genesis] = await Promise.all([client.config(options), client.genesisHash(options)]);
      return checkedConfig({ config, genesis, programId });
    },
  };
  return client;
}

/** Participants in the order of their registration index. */
export function sortedParticipants(accounts: readonly RawAccount[]): readonly ParticipantAccount[] {
  return accounts.map(decodeParticipant).sort((a, b) => a.index - b.index);
}

/** Lamports that an escrow account keeps and that are not its balance. */
export async function escrowRent(connection: Connection, options: WithSignal): Promise<bigint> {
  return BigInt(
    await rpcRequest(connection, 'getMinimumBalanceForRentExemption', options, () =>
      connection.getMinimumBalanceForRentExemption(ACCOUNT_SIZE.escrow, 'confirmed'),
    ),
  );
}
