// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A verifying key as the code of an account: read in one piece, for a tenth of what storage costs. A zero stands before it, which is STOP: nobody can
/// run a key.
contract KeyCode {
    constructor(bytes memory key) {
        bytes memory code = bytes.concat(bytes1(0), key);
        assembly ("memory-safe") {
            return(add(code, 32), mload(code))
        }
    }
}

/// Groth16 over BN254 by the precompiles of EIP-196 and EIP-197: docs/proofs.md, Z-20 to Z-23. Keys and proofs have the bytes that they have everywhere.
/// Whatever does not hold reverts by a name of its own, so that an estimate of gas finds what a check really takes.
library Groth16 {
    /// Z-20.
    error KeyInvalid();
    /// Z-21.
    error SignalCount();
    error SignalRange();
    /// Z-22. `PointB` is also what a check ends with whose gas does not last for the pairing.
    error ProofLength();
    error PointA();
    error PointB();
    error PointC();
    /// Z-23.
    error Equation();
    /// The gas does not last for the sum of the inputs.
    error TooLittleGas();

    uint256 private constant FIELD_ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant BASE_ORDER = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    uint256 private constant ADD = 6;
    uint256 private constant MULTIPLY = 7;
    uint256 private constant PAIRING = 8;

    // Where a key has what, in bytes: alpha, beta, gamma, delta, then one point for the constant and each signal.
    uint256 private constant BETA = 64;
    uint256 private constant GAMMA = 192;
    uint256 private constant DELTA = 320;
    uint256 private constant INPUTS = 448;

    /// Z-20: refuses a key of another length, with a point off its curve or outside of its group, or whose gamma and delta are equal or nothing. Keeps it.
    function store(bytes memory key) internal returns (address) {
        uint256 length = key.length;
        if (length < INPUTS + 64 || (length - INPUTS) % 64 != 0) revert KeyInvalid();
        if (!isOnCurve(word(key, 0), word(key, 32))) revert KeyInvalid();
        for (uint256 offset = INPUTS; offset < length; offset += 64) {
            if (!isOnCurve(word(key, offset), word(key, offset + 32))) revert KeyInvalid();
        }
        uint256 differences;
        uint256 ofGamma;
        uint256 ofDelta;
        for (uint256 i = 0; i < 128; i += 32) {
            differences |= word(key, GAMMA + i) ^ word(key, DELTA + i);
            ofGamma |= word(key, GAMMA + i);
            ofDelta |= word(key, DELTA + i);
        }
        if (differences == 0 || ofGamma == 0 || ofDelta == 0) revert KeyInvalid();
        // The pairing takes no point outside of its group; what the three of the generator come to does not matter.
        uint256[24] memory input;
        for (uint256 pair = 0; pair < 3; pair++) {
            (input[6 * pair], input[6 * pair + 1]) = (1, 2);
            for (uint256 i = 0; i < 4; i++) input[6 * pair + 2 + i] = word(key, BETA + 128 * pair + 32 * i);
        }
        (bool taken, ) = pairing(input, 576);
        if (!taken) revert KeyInvalid();
        return address(new KeyCode(key));
    }

    /// How many public signals a kept key has.
    function signalCount(address stored) internal view returns (uint256) {
        return (stored.code.length - 1 - INPUTS) / 64 - 1;
    }

    /// Z-21 to Z-23: reverts unless `proof` is one of the statement that `signals` are, under a key that `store` kept.
    function verify(address stored, uint256[] calldata signals, bytes calldata proof) internal view {
        bytes memory code = stored.code;
        // The key's first word begins behind the STOP.
        uint256 count = (code.length - 1 - INPUTS) / 64 - 1;
        if (signals.length != count) revert SignalCount();
        for (uint256 i = 0; i < count; i++) if (signals[i] >= FIELD_ORDER) revert SignalRange();
        if (proof.length != 256) revert ProofLength();
        uint256[8] memory points = abi.decode(proof, (uint256[8]));
        if (!isOnCurve(points[0], points[1])) revert PointA();
        if (!isOnCurve(points[6], points[7])) revert PointC();

        uint256[24] memory input;
        // e(-A, B) e(alpha, beta) e(inputs, gamma) e(C, delta) = 1
        (input[0], input[1]) = (points[0], (BASE_ORDER - points[1]) % BASE_ORDER);
        for (uint256 i = 0; i < 4; i++) input[2 + i] = points[2 + i];
        for (uint256 i = 0; i < 6; i++) input[6 + i] = word(code, 1 + 32 * i);
        (input[12], input[13]) = sumOfInputs(code, signals);
        for (uint256 i = 0; i < 4; i++) input[14 + i] = word(code, 1 + GAMMA + 32 * i);
        (input[18], input[19]) = (points[6], points[7]);
        for (uint256 i = 0; i < 4; i++) input[20 + i] = word(code, 1 + DELTA + 32 * i);
        (bool taken, bool one) = pairing(input, 768);
        // A, C and the key's points have been looked at: what the precompile does not take is B, off its curve or outside of its group.
        if (!taken) revert PointB();
        if (!one) revert Equation();
    }

    /// The constant's point plus each signal's times the signal.
    function sumOfInputs(bytes memory code, uint256[] calldata signals) private view returns (uint256, uint256) {
        // The sum so far, and behind it a point and its factor, as the precompiles read them.
        uint256[24] memory place;
        (place[0], place[1]) = (word(code, 1 + INPUTS), word(code, 33 + INPUTS));
        for (uint256 i = 0; i < signals.length; i++) {
            uint256 offset = 1 + INPUTS + 64 * (i + 1);
            (place[2], place[3], place[4]) = (word(code, offset), word(code, offset + 32), signals[i]);
            if (!precompile(MULTIPLY, place, 64, 96, 64, 64)) revert TooLittleGas();
            if (!precompile(ADD, place, 0, 128, 0, 64)) revert TooLittleGas();
        }
        return (place[0], place[1]);
    }

    /// y^2 = x^3 + 3 in coordinates below the base field's order, or the point at infinity. The curve is its only group.
    function isOnCurve(uint256 x, uint256 y) private pure returns (bool) {
        if (x >= BASE_ORDER || y >= BASE_ORDER) return false;
        if (x == 0 && y == 0) return true;
        uint256 cube = mulmod(mulmod(x, x, BASE_ORDER), x, BASE_ORDER);
        return mulmod(y, y, BASE_ORDER) == addmod(cube, 3, BASE_ORDER);
    }

    /// Whether the precompile takes the pairs, and whether their product is one.
    function pairing(uint256[24] memory pairs, uint256 size) private view returns (bool taken, bool one) {
        taken = precompile(PAIRING, pairs, 0, size, 0, 32);
        one = pairs[0] == 1;
    }

    /// What a precompile makes of the `size` bytes at `from` goes to `to`. False if it refuses, is not there, or answers with another length.
    function precompile(
        uint256 which,
        uint256[24] memory words,
        uint256 from,
        uint256 size,
        uint256 to,
        uint256 resultSize
    ) private view returns (bool done) {
        assembly ("memory-safe") {
            done := staticcall(gas(), which, add(words, from), size, add(words, to), resultSize)
            if iszero(eq(returndatasize(), resultSize)) { done := 0 }
        }
    }

    function word(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), offset))
        }
    }
}
