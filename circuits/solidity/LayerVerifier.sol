// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Groth16} from "./Groth16.sol";

/// Proofs under one key, for a contract that asks nothing else. It knows no receipts: what a proof is for is the caller's to put into the signals.
contract LayerVerifier {
    /// Where the key's bytes lie, behind a zero.
    address public immutable key;

    constructor(bytes memory verifyingKey) {
        key = Groth16.store(verifyingKey);
    }

    /// Z-21 to Z-23: reverts by a name of Groth16 unless the proof holds.
    function verify(uint256[] calldata signals, bytes calldata proof) external view {
        Groth16.verify(key, signals, proof);
    }
}
