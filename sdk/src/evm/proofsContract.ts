import { Contract, type ContractRunner } from 'ethers';
import { KarmeshError } from '../errors.ts';
import type { Hash } from '../protocol/hash.ts';
import type { Domain } from '../protocol/header.ts';
import type { ModelId } from '../protocol/ids.ts';
import type { SumPath } from '../protocol/merkle.ts';
import { type ProofPlace, statementHash } from '../protocol/proofs.ts';
import { contracts } from './contracts.ts';
import { deployContract } from './deployContract.ts';
import { bytesOfHex, type EvmAddress, hex, parseEvmAddress } from './evmAddress.ts';
import { type CallOptions, type EvmSent, evmRead, evmRequest, evmSend, type SendOptions } from './evmCall.ts';
import type { EpochStatement, IndexedSignature, KeysStatement, ProofsContract } from './statements.ts';
import type { EvmValidatorSet } from './validatorSet.ts';

/** KarmeshProofs on an EVM chain (docs/proofs.md, Z-50 to Z-58). What the contract refuses throws `PROGRAM_ERROR` by the contract’s name of it. */
export interface ProofsClient {
  readonly contract: ProofsContract;
  /** Who signs now. */
  validators(options: CallOptions): Promise<EvmValidatorSet>;
  /** The first epoch whose statement changes the set; the contract is as old as this says. */
  nextEpoch(options: CallOptions): Promise<bigint>;
  receiptSet(
    epoch: bigint,
    options: CallOptions,
  ): Promise<{ readonly receiptSetRoot: Hash; readonly entryCount: number } | undefined>;
  keys(
    modelId: ModelId,
    options: CallOptions,
  ): Promise<{ readonly keysRoot: Hash; readonly keyCount: number } | undefined>;
  layer(
    operator: { readonly modelId: ModelId; readonly operator: number },
    options: CallOptions,
  ): Promise<{ readonly key: EvmAddress; readonly contextIndex: number } | undefined>;
  /** Z-58: when a statement was first proven at a place, in seconds since 1970. */
  provenAt(
    claim: { readonly place: ProofPlace; readonly signals: readonly bigint[] },
    options: CallOptions,
  ): Promise<bigint | undefined>;
  /** Z-52 */
  advance(statement: EpochStatement, signatures: readonly IndexedSignature[], options: SendOptions): Promise<EvmSent>;
  /** Z-53 */
  admitKeys(statement: KeysStatement, signatures: readonly IndexedSignature[], options: SendOptions): Promise<EvmSent>;
  /** Z-54: `path` is that of the operator in `layerKeyTree`. */
  registerLayer(
    layer: {
      readonly modelId: ModelId;
      readonly operator: number;
      readonly contextIndex: number;
      readonly verifyingKey: Uint8Array;
      readonly path: SumPath;
    },
    options: SendOptions,
  ): Promise<EvmSent>;
  /** Z-55 to Z-58 */
  prove(claim: ProofClaim, options: SendOptions): Promise<EvmSent>;
}

/** A proof, and where what it is about stands. */
export interface ProofClaim {
  readonly place: ProofPlace;
  /** Where the entry stands in its epoch’s set (E-32). */
  readonly entry: { readonly price: bigint; readonly index: number; readonly path: SumPath };
  readonly signals: readonly bigint[];
  /** 256 bytes. */
  readonly proof: Uint8Array;
}

/** Makes a contract that begins with the validators of `fromEpoch`. It has no owner: what it begins with is all that it is told without signatures. */
export async function deployProofs(
  genesis: { readonly domain: Domain; readonly fromEpoch: bigint; readonly set: EvmValidatorSet },
  { runner, ...options }: SendOptions & { readonly runner: ContractRunner },
): Promise<ProofsClient & EvmSent> {
  const args = [hex(genesis.domain), genesis.fromEpoch, genesis.set];
  const { address, ...sent } = await deployContract('KarmeshProofs', args, { runner, ...options });
  return { ...(await connectProofs(address, { runner, signal: options.signal })), ...sent };
}

/** The contract at an address, asked for its chain and its Karmesh cluster. Throws `PROGRAM_MISMATCH` if there is none, or what asking throws. Who made it
 * and with which validators is for the caller to look up. */
export async function connectProofs(
  address: EvmAddress,
  { runner, signal }: CallOptions & { readonly runner: ContractRunner },
): Promise<ProofsClient> {
  const { provider } = runner;
  if (provider === null || provider === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'What is to ask an EVM chain is connected to none.');
  const about = { what: 'connect', signal };
  const [{ chainId }, code] = await evmRequest(about, () =>
    Promise.all([provider.getNetwork(), provider.getCode(address)]),
  );
  const client = new Contract(address, contracts.KarmeshProofs.abi, runner);
  if (code === '0x')
    throw new KarmeshError('PROGRAM_MISMATCH', 'There is no contract at this address.', { address, chainId });
  const domain = bytesOfHex(await evmRead<string>(client, 'domain', [], { signal }));
  return proofsClient(client, { chainId, address, domain });
}

function proofsClient(client: Contract, contract: ProofsContract): ProofsClient {
  return {
    contract,
    async validators(options) {
      const set = await evmRead<{ totalStake: bigint; validators: { signer: string; stake: bigint }[] }>(
        client,
        'validatorSet',
        [],
        options,
      );
      return {
        totalStake: set.totalStake,
        validators: set.validators.map(({ signer, stake }) => ({ signer: parseEvmAddress(signer), stake })),
      };
    },
    nextEpoch: (options) => evmRead(client, 'nextEpoch', [], options),
    async receiptSet(epoch, options) {
      const set = await evmRead<{ receiptSetRoot: string; entryCount: bigint; known: boolean }>(
        client,
        'epochs',
        [epoch],
        options,
      );
      if (!set.known) return undefined;
      return { receiptSetRoot: bytesOfHex(set.receiptSetRoot), entryCount: Number(set.entryCount) };
    },
    async keys(modelId, options) {
      const model = await evmRead<{ keysRoot: string; keyCount: bigint }>(client, 'models', [hex(modelId)], options);
      return model.keyCount === 0n
        ? undefined
        : { keysRoot: bytesOfHex(model.keysRoot), keyCount: Number(model.keyCount) };
    },
    async layer({ modelId, operator }, options) {
      const layer = await evmRead<{ key: string; contextIndex: bigint }>(
        client,
        'layers',
        [hex(modelId), operator],
        options,
      );
      return BigInt(layer.key) === 0n
        ? undefined
        : { key: parseEvmAddress(layer.key), contextIndex: Number(layer.contextIndex) };
    },
    async provenAt({ place, signals }, options) {
      const statement = hex(statementHash(place.operator, signals));
      const seconds = await evmRead<bigint>(client, 'provenAt', [placeOf(place), statement], options);
      return seconds === 0n ? undefined : seconds;
    },
    advance: ({ epoch, receiptSetRoot, entryCount, next }, signatures, options) =>
      evmSend(client, 'advance', [epoch, hex(receiptSetRoot), entryCount, next, signatures], options),
    admitKeys: ({ modelId, keysRoot, keyCount }, signatures, options) =>
      evmSend(client, 'admitKeys', [hex(modelId), hex(keysRoot), keyCount, signatures], options),
    registerLayer: ({ modelId, operator, contextIndex, verifyingKey, path }, options) =>
      evmSend(
        client,
        'registerLayer',
        [hex(modelId), operator, contextIndex, hex(verifyingKey), path.map((node) => hex(node.hash))],
        options,
      ),
    prove: ({ place, entry, signals, proof }, options) => {
      const siblings = entry.path.map((node) => ({ hash: hex(node.hash), sum: node.sums[0] ?? 0n }));
      const path = { price: entry.price, index: entry.index, siblings };
      return evmSend(client, 'prove', [placeOf(place), path, signals, hex(proof)], options);
    },
  };
}

/** A place as the contract reads it. */
function placeOf(place: ProofPlace) {
  return { ...place, entryHash: hex(place.entryHash), modelId: hex(place.modelId) };
}
