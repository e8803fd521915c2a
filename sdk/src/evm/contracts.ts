import type { InterfaceAbi } from 'ethers';
import built from '../../../circuits/solidity/contracts.json' with { type: 'json' };

interface BuiltContract {
  readonly abi: InterfaceAbi;
  /** Of the transaction that makes it. */
  readonly bytecode: string;
}

/** circuits/solidity/contracts.json, which a test builds again from its source. */
export const contracts: Readonly<Record<'KarmeshProofs' | 'LayerVerifier', BuiltContract>> = built;
