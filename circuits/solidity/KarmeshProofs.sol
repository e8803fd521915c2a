// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Groth16} from "./Groth16.sol";

/// Which statements about answers of one Karmesh cluster have been proven: docs/proofs.md, Z-50 to Z-58. More than 2/3 of the stake say which sets of
/// receipts there are, which keys a model has and who comes after them. Nobody else has a say: there is no owner, no upgrade and no pause.
contract KarmeshProofs {
    /// Who signs, by the address of P-04, and the bond in lamports.
    struct Validator {
        address signer;
        uint64 stake;
    }

    /// `totalStake` counts all active validators, also those without an address: who cannot sign here makes a quorum harder, never easier.
    struct ValidatorSet {
        uint64 totalStake;
        Validator[] validators;
    }

    /// By the validator at `index` of the set. Indexes ascend.
    struct Signature {
        uint16 index;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    struct ReceiptSet {
        bytes32 receiptSetRoot;
        uint32 entryCount;
        bool known;
    }

    struct Model {
        bytes32 keysRoot;
        uint32 keyCount;
    }

    struct Layer {
        address key;
        uint8 contextIndex;
    }

    /// What one proof is for (Z-41).
    struct Place {
        uint64 epoch;
        bytes32 entryHash;
        bytes32 modelId;
        uint32 position;
        uint32 operator;
    }

    struct Sibling {
        bytes32 hash;
        uint64 sum;
    }

    /// Where an entry stands in its set (E-32).
    struct SetPath {
        uint64 price;
        uint32 index;
        Sibling[] siblings;
    }

    // Z-50: a set of validators.
    error BadValidatorSet();
    // Z-51: who signed.
    error BadSignature(uint256 which);
    error NoQuorum(uint256 signedStake, uint256 totalStake);
    // Z-52, Z-53: what they said.
    error EpochKnown();
    error ModelKnown();
    error BadKeys();
    // Z-54: a layer's key.
    error ModelUnknown();
    error LayerKnown();
    error WrongKey();
    // Z-55 to Z-57: a proof.
    error EpochUnknown();
    error WrongEntry();
    error LayerUnknown();
    error WrongContext();

    event ValidatorsChanged(uint64 indexed fromEpoch, uint64 totalStake, Validator[] validators);
    event EpochAdmitted(uint64 indexed epoch, bytes32 receiptSetRoot, uint32 entryCount);
    event KeysAdmitted(bytes32 indexed modelId, bytes32 keysRoot, uint32 keyCount);
    event LayerRegistered(bytes32 indexed modelId, uint32 indexed operator, bytes32 keyId, address key);
    event Proven(
        bytes32 indexed entryHash,
        bytes32 indexed statement,
        uint64 epoch,
        bytes32 modelId,
        uint32 position,
        uint32 operator
    );

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    string private constant VALIDATOR = "Validator(address signer,uint64 stake)";
    string private constant VALIDATOR_SET = "ValidatorSet(uint64 totalStake,Validator[] validators)";
    bytes32 private constant VALIDATOR_TYPE = keccak256(bytes(VALIDATOR));
    bytes32 private constant VALIDATOR_SET_TYPE = keccak256(bytes(string.concat(VALIDATOR_SET, VALIDATOR)));
    bytes32 private constant EPOCH_TYPE = keccak256(
        bytes(
            string.concat(
                "Epoch(uint64 epoch,bytes32 receiptSetRoot,uint32 entryCount,ValidatorSet next)",
                VALIDATOR,
                VALIDATOR_SET
            )
        )
    );
    bytes32 private constant KEYS_TYPE = keccak256("Keys(bytes32 modelId,bytes32 keysRoot,uint32 keyCount)");
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant MAX_VALIDATORS = 512;

    /// F-01: cluster, program and version of Karmesh.
    bytes32 public immutable domain;
    /// The set that a statement about this epoch or a later one brings takes the place of the one that signed it.
    uint64 public nextEpoch;
    // The set that signs now, and its hash by EIP-712.
    uint64 private totalStake;
    Validator[] private validators;
    bytes32 private validatorsHash;

    mapping(uint64 epoch => ReceiptSet) public epochs;
    mapping(bytes32 modelId => Model) public models;
    mapping(bytes32 modelId => mapping(uint32 operator => Layer)) public layers;
    /// By context (Z-41), which names a place, and statement (Z-43): the time in seconds of the block that first proved it.
    mapping(uint256 context => mapping(bytes32 statement => uint256)) private provenTimes;

    /// Z-50: `set` is what the cluster has in epoch `fromEpoch`. Nothing here can tell whether that is so: who relies on a contract looks it up.
    constructor(bytes32 domain_, uint64 fromEpoch, ValidatorSet memory set) {
        domain = domain_;
        nextEpoch = fromEpoch;
        changeValidators(set, hashOf(set), fromEpoch);
    }

    /// Z-52: takes in a set of receipts, once per epoch, and who signs after it.
    function advance(
        uint64 epoch,
        bytes32 receiptSetRoot,
        uint32 entryCount,
        ValidatorSet calldata next,
        Signature[] calldata signatures
    ) external {
        if (epochs[epoch].known) revert EpochKnown();
        bytes32 nextHash = hashOf(next);
        requireQuorum(keccak256(abi.encode(EPOCH_TYPE, epoch, receiptSetRoot, entryCount, nextHash)), signatures);
        epochs[epoch] = ReceiptSet(receiptSetRoot, entryCount, true);
        emit EpochAdmitted(epoch, receiptSetRoot, entryCount);
        // A statement that comes late brings its receipts, but no set that has been left behind.
        if (epoch < nextEpoch) return;
        nextEpoch = epoch + 1;
        if (nextHash != validatorsHash) changeValidators(next, nextHash, epoch + 1);
    }

    /// Z-53: takes in the keys of a model, once and for all.
    function admitKeys(bytes32 modelId, bytes32 keysRoot, uint32 keyCount, Signature[] calldata signatures) external {
        if (models[modelId].keyCount != 0) revert ModelKnown();
        if (keyCount == 0) revert BadKeys();
        requireQuorum(keccak256(abi.encode(KEYS_TYPE, modelId, keysRoot, keyCount)), signatures);
        models[modelId] = Model(keysRoot, keyCount);
        emit KeysAdmitted(modelId, keysRoot, keyCount);
    }

    /// Z-54: keeps the key of an operator that stands under its model's keysRoot. Anyone may bring it.
    function registerLayer(
        bytes32 modelId,
        uint32 operator,
        uint8 contextIndex,
        bytes calldata key,
        bytes32[] calldata path
    ) external {
        Model memory model = models[modelId];
        if (model.keyCount == 0) revert ModelUnknown();
        if (layers[modelId][operator].key != address(0)) revert LayerKnown();
        bytes32 keyId = sha256(key);
        // Z-40
        bytes32 node = sha256(abi.encodePacked(bytes1(0), domain, modelId, little32(operator), contextIndex, keyId));
        if (operator >= model.keyCount || path.length != heightOf(model.keyCount)) revert WrongKey();
        for (uint256 i = 0; i < path.length; i++) {
            (bytes32 left, bytes32 right) = (operator >> i) & 1 == 1 ? (path[i], node) : (node, path[i]);
            node = sha256(abi.encodePacked(bytes1(uint8(1)), left, right));
        }
        if (node != model.keysRoot) revert WrongKey();
        address stored = Groth16.store(key);
        if (contextIndex >= Groth16.signalCount(stored)) revert WrongKey();
        layers[modelId][operator] = Layer(stored, contextIndex);
        emit LayerRegistered(modelId, operator, keyId, stored);
    }

    /// Z-55 to Z-58: checks a proof about an entry and keeps which statement it is of. Anyone may bring it. True if nobody had before.
    function prove(Place calldata place, SetPath calldata path, uint256[] calldata signals, bytes calldata proof)
        external
        returns (bool first)
    {
        requireEntry(place, path);
        Layer memory layer = layers[place.modelId][place.operator];
        if (layer.key == address(0)) revert LayerUnknown();
        // The key's own count of signals is checked with the proof, as is that none of them is another one's residue.
        uint256 context = contextOf(place);
        if (layer.contextIndex >= signals.length || signals[layer.contextIndex] != context) revert WrongContext();
        Groth16.verify(layer.key, signals, proof);
        bytes32 statement = statementOf(place.operator, signals);
        first = provenTimes[context][statement] == 0;
        // Z-24: a proof that was made over is as good, and changes nothing.
        if (!first) return false;
        provenTimes[context][statement] = block.timestamp;
        emit Proven(place.entryHash, statement, place.epoch, place.modelId, place.position, place.operator);
    }

    /// When a statement (Z-43) was first proven at a place, in seconds; 0: not yet. A true statement may still be one that nobody asked for: put together the
    /// one that you mean.
    function provenAt(Place calldata place, bytes32 statement) external view returns (uint256) {
        return provenTimes[contextOf(place)][statement];
    }

    /// Who signs now.
    function validatorSet() external view returns (ValidatorSet memory) {
        return ValidatorSet(totalStake, validators);
    }

    /// Z-43
    function statementOf(uint32 operator, uint256[] calldata signals) public pure returns (bytes32) {
        return sha256(abi.encodePacked(little32(operator), signals));
    }

    /// Z-41
    function contextOf(Place calldata place) public view returns (uint256) {
        bytes32 digest = sha256(
            abi.encodePacked(
                "karmesh:proof",
                domain,
                little64(place.epoch),
                place.entryHash,
                place.modelId,
                little32(place.position),
                little32(place.operator)
            )
        );
        return uint256(digest) & ((1 << 253) - 1);
    }

    /// What validators sign: EIP-712, for this contract on this chain alone. Asked for anew each time, since a chain may split.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, keccak256("Karmesh"), keccak256("1"), block.chainid, address(this), domain)
        );
    }

    /// Z-55: the entry stands in the set of its epoch. The sums are walked because the tree has them (T-02); they tie a price to its neighbour's alone.
    function requireEntry(Place calldata place, SetPath calldata path) private view {
        ReceiptSet memory set = epochs[place.epoch];
        if (!set.known) revert EpochUnknown();
        if (path.index >= set.entryCount || path.siblings.length != heightOf(set.entryCount)) revert WrongEntry();
        // E-32
        bytes32 node = sha256(abi.encodePacked(bytes1(0), domain, little64(place.epoch), place.entryHash));
        uint256 sum = path.price;
        for (uint256 i = 0; i < path.siblings.length; i++) {
            Sibling calldata sibling = path.siblings[i];
            sum += sibling.sum;
            if (sum > type(uint64).max) revert WrongEntry();
            (bytes32 left, bytes32 right) =
                (path.index >> i) & 1 == 1 ? (sibling.hash, node) : (node, sibling.hash);
            node = sha256(abi.encodePacked(bytes1(uint8(1)), left, right, little64(uint64(sum))));
        }
        if (node != set.receiptSetRoot) revert WrongEntry();
    }

    /// Z-51
    function requireQuorum(bytes32 statement, Signature[] calldata signatures) private view {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domainSeparator(), statement));
        uint256 stake;
        uint256 from;
        for (uint256 i = 0; i < signatures.length; i++) {
            Signature calldata signature = signatures[i];
            if (signature.index < from || signature.index >= validators.length) revert BadSignature(i);
            from = uint256(signature.index) + 1;
            // The upper half has another signature of the same statement by the same key.
            if (uint256(signature.s) > HALF_ORDER) revert BadSignature(i);
            Validator memory validator = validators[signature.index];
            // No validator is at address 0, which stands for a signature that is none.
            if (ecrecover(digest, signature.v, signature.r, signature.s) != validator.signer) revert BadSignature(i);
            stake += validator.stake;
        }
        if (3 * stake <= 2 * uint256(totalStake)) revert NoQuorum(stake, totalStake);
    }

    /// Z-50: addresses ascend from above 0, so that each stands once; more than 2/3 of all stake can sign, or nothing would ever follow.
    function changeValidators(ValidatorSet memory set, bytes32 setHash, uint64 fromEpoch) private {
        if (set.validators.length > MAX_VALIDATORS) revert BadValidatorSet();
        delete validators;
        uint256 stake;
        address last;
        for (uint256 i = 0; i < set.validators.length; i++) {
            Validator memory validator = set.validators[i];
            if (validator.signer <= last) revert BadValidatorSet();
            last = validator.signer;
            stake += validator.stake;
            validators.push(validator);
        }
        if (stake > set.totalStake || 3 * stake <= 2 * uint256(set.totalStake)) revert BadValidatorSet();
        totalStake = set.totalStake;
        validatorsHash = setHash;
        emit ValidatorsChanged(fromEpoch, set.totalStake, set.validators);
    }

    function hashOf(ValidatorSet memory set) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](set.validators.length);
        for (uint256 i = 0; i < hashes.length; i++) {
            hashes[i] = keccak256(abi.encode(VALIDATOR_TYPE, set.validators[i].signer, set.validators[i].stake));
        }
        bytes32 list = keccak256(abi.encodePacked(hashes));
        return keccak256(abi.encode(VALIDATOR_SET_TYPE, set.totalStake, list));
    }

    /// T-02: ceil(log2(count)).
    function heightOf(uint32 count) private pure returns (uint256 height) {
        while (uint256(1) << height < count) height++;
    }

    function little64(uint64 value) private pure returns (bytes8 swapped) {
        return bytes8((uint64(uint32(little32(uint32(value)))) << 32) | uint32(little32(uint32(value >> 32))));
    }

    function little32(uint32 value) private pure returns (bytes4) {
        return bytes4((value << 24) | ((value & 0xff00) << 8) | ((value >> 8) & 0xff00) | (value >> 24));
    }
}
