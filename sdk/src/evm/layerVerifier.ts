import { Contract, type ContractRunner } from 'ethers';
import { contracts } from './contracts.ts';
import { deployContract } from './deployContract.ts';
import { type EvmAddress, hex } from './evmAddress.ts';
import { type CallOptions, type EvmSent, evmRead, type SendOptions } from './evmCall.ts';

/** The verifier of one key, for a contract that asks nothing else. */
export interface LayerVerifier {
  readonly address: EvmAddress;
  /** Z-21 to Z-23: throws `PROGRAM_ERROR` by the name of what does not hold. */
  verify(
    claim: { readonly signals: readonly bigint[]; readonly proof: Uint8Array },
    options: CallOptions,
  ): Promise<void>;
}

/** The verifier at an address. What key it has is for the caller to know. */
export function layerVerifierAt(address: EvmAddress, runner: ContractRunner): LayerVerifier {
  const contract = new Contract(address, contracts.LayerVerifier.abi, runner);
  return {
    address,
    async verify({ signals, proof }, options) {
      await evmRead(contract, 'verify', [signals, hex(proof)], options);
    },
  };
}

/** Puts a verifier of a key onto a chain. Throws `PROGRAM_ERROR` by the name `KeyInvalid` for a key that Z-20 refuses, and what sending throws. */
export async function deployLayerVerifier(
  verifyingKey: Uint8Array,
  { runner, ...options }: SendOptions & { readonly runner: ContractRunner },
): Promise<LayerVerifier & EvmSent> {
  const made = await deployContract('LayerVerifier', [hex(verifyingKey)], { runner, ...options });
  return { ...layerVerifierAt(made.address, runner), ...made };
}
