"""Writes the vectors that pin the protocol's bytes: `python3 test/vectors/generate.py`.

This is an independent implementation of docs/protocol.md in Python 3 without packages. It shares no code with what it checks
(sdk/src/protocol in TypeScript, programs/karma in Rust), so that a mistake in one of them shows. The tests read the JSON files
beside it and need no Python. Conventions of the files: u64 as decimal strings, smaller integers as numbers, bytes as lower-case
hexadecimal, absent as null; `rule` names the rules that a table pins.
"""

import base64
import hashlib
import json
from math import isqrt
from pathlib import Path

HERE = Path(__file__).parent


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u8(value: int) -> bytes:
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def label(name: str) -> bytes:
    """32 bytes that stand for an address or a hash in a vector. The name says which."""
    return sha256(b"karmesh test vector: " + name.encode())


def write(name: str, content: dict) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n")


# The cluster of all vectors. F-01.
GENESIS = label("genesis")
PROGRAM = label("program")
VERSION = 1
DOMAIN = sha256(b"karmesh:domain", GENESIS, PROGRAM, u16(VERSION))

U64_MAX = 2**64 - 1


# ---------------------------------------------------------------------------------------------------------- karma.json

def halving_factor(k: int) -> int:
    """floor(2^32 * 2^(-2^-k)) by k square roots of one half, with 400 bits of fraction."""
    value = 1 << 399
    for _ in range(k):
        value = isqrt(value << 400)
    return value >> 368


FACTORS = [halving_factor(k) for k in range(1, 25)]


def inference_karma(active: int, prompt: int, output: int) -> int:
    return active * (prompt + 8 * output) // 8000


def truncated(a: int, b: int) -> int:
    """Division towards zero, as Rust and JavaScript divide; Python's floors."""
    return abs(a) // b * (1 if a >= 0 else -1)


def latency_adjusted(karma: int, elapsed: int, target: int) -> int:
    if target == 0:
        return karma
    shift = max(-1000, min(1000, truncated((target - elapsed) * 1000, target)))
    return karma * (10_000 + shift) // 10_000


def decay(karma: int, elapsed: int, half_life: int) -> int:
    whole = elapsed // half_life
    if whole >= 64:
        return 0
    out = karma >> whole
    fraction = (elapsed % half_life) * (1 << 24) // half_life
    for place in range(24):
        if fraction & (1 << (23 - place)):
            out = out * FACTORS[place] >> 32
    return out


def price(unit_price: int, active: int, prompt: int, output: int) -> int:
    return -(-(unit_price * active * (prompt + 8 * output)) // 8_000_000_000)


BUNDLED = 3_279_104  # parameters of the bundled model
DAY = 216_000  # slots of 400 ms


def karma_vectors() -> None:
    works = [(BUNDLED, 20, 8), (BUNDLED, 0, 0), (BUNDLED, 1, 0), (BUNDLED, 0, 1), (8_030_261_248, 1500, 700),
             (70_553_706_496, 131_072, 0), (7999, 1, 0), (8000, 1, 0), (1, 0, 999), (1, 0, 1000)]
    latencies = [(34_430, 1400, 1400), (34_430, 0, 1400), (34_430, 1399, 1400), (34_430, 1401, 1400), (34_430, 2800, 1400),
                 (34_430, 2799, 1400), (34_430, 10**12, 1400), (34_430, 700, 1400), (34_430, 5, 0), (0, 0, 1400),
                 (U64_MAX // 2, 0, 1), (9999, 1050, 1000)]
    half = 30 * DAY
    decays = [(0, 0, half), (0, half, half), (34_430, 0, half), (34_430, half, half), (34_430, 2 * half, half),
              (2**63, 0, half), (2**63, half, half), (2**63, 1, half), (2**63, half // 2, half), (2**63, 63 * half, half),
              (2**63, 64 * half - 1, half), (2**63, 64 * half, half), (2**63, 65 * half, half), (2**63, U64_MAX, half),
              (U64_MAX, 0, 1), (U64_MAX, 1, 1), (U64_MAX, 63, 1), (U64_MAX, 64, 1), (U64_MAX, 1, U64_MAX), (U64_MAX, U64_MAX - 1, U64_MAX),
              (U64_MAX, U64_MAX, U64_MAX), (1, 1, half), (1, half - 1, half), (1_000_000, 98, half), (1_000_000, 99, half),
              (10**15, 123_457, 14 * DAY), (10**15, 7 * 14 * DAY + 1_234_567, 14 * DAY), (10**15, 3, 7), (10**15, 13, 7),
              (12_345_678_901_234_567_890, 60 * DAY - 1, 60 * DAY), (987_654_321, 2, 3), (987_654_321, 1, 3)]
    prices = [(100_000, BUNDLED, 20, 8), (100_000, BUNDLED, 0, 0), (100_000, BUNDLED, 1, 0), (100_000, BUNDLED, 20, 1),
              (100_000, 8_030_261_248, 0, 1_000_000), (1, 1, 1, 0), (0, BUNDLED, 20, 8), (8, 10**9, 1, 0), (8, 10**9, 0, 1),
              (100_000, 70_553_706_496, 131_072, 131_072)]
    caps = [(3444, 500, 1100, 8000), (0, 500, 1100, 8000), (19, 500, 1100, 8000), (20, 500, 1100, 8000), (39, 500, 1100, 8000),
            (10**9, 500, 1100, 8000), (10**15, 500, 1100, 8000), (10_001, 1, 7, 9_999), (10**18, 10_000, 18, 0)]
    write("karma.json", {
        "rule": "K-02, K-03, K-04, K-06, M-01, P-20",
        "halvingFactors": {"rule": "K-06", "values": [str(f) for f in FACTORS]},
        "inferenceKarma": {"rule": "K-02", "cases": [
            {"activeParameters": str(a), "promptTokens": p, "outputTokens": o, "karma": str(inference_karma(a, p, o))} for a, p, o in works]},
        "latencyAdjusted": {"rule": "K-03", "cases": [
            {"karma": str(k), "elapsedMs": str(e), "targetMs": str(t), "adjusted": str(latency_adjusted(k, e, t))} for k, e, t in latencies]},
        "redundancyKarma": {"rule": "K-04", "cases": [
            {"inference": str(k), "redundancy": str(k // 2)} for k in (0, 1, 2, 34_430, 34_431, U64_MAX)]},
        "decay": {"rule": "K-06", "cases": [
            {"karma": str(k), "elapsedSlots": str(e), "halfLifeSlots": str(h), "decayed": str(decay(k, e, h))} for k, e, h in decays]},
        "price": {"rule": "M-01", "cases": [
            {"unitPrice": str(lp), "activeParameters": str(a), "promptTokens": p, "outputTokens": o, "lamports": str(price(lp, a, p, o))}
            for lp, a, p, o in prices]},
        "caps": {"rule": "P-20", "cases": [
            {"settled": str(s), "feeShareBps": str(f), "kappaMicroKarmaPerLamport": str(k), "workerShareBps": str(w),
             "karmaCap": str(k * (s * f // 10_000)), "owedCap": str(s * w // 10_000)} for s, f, k, w in caps]},
    })


# --------------------------------------------------------------------------------------------------------- merkle.json

Node = tuple[bytes, list[int]]


def parent(left: Node, right: Node) -> Node:
    sums = [a + b for a, b in zip(left[1], right[1], strict=True)]
    if any(s > U64_MAX for s in sums):
        raise OverflowError
    return sha256(b"\x01", left[0], right[0], *[u64(s) for s in sums]), sums


def height_of(count: int) -> int:
    return max(count - 1, 0).bit_length()


def tree(leaves: list[Node | None], counters: int) -> list[list[Node]]:
    """All levels, the padded leaves first."""
    empty: Node = (bytes(32), [0] * counters)
    level = [leaf or empty for leaf in leaves]
    level += [empty] * (2 ** height_of(len(leaves)) - len(level))
    levels = [level]
    while len(level) > 1:
        level = [parent(level[i], level[i + 1]) for i in range(0, len(level), 2)]
        levels.append(level)
    return levels


def root(leaves: list[Node | None], counters: int) -> Node:
    return tree(leaves, counters)[-1][0] if leaves else (bytes(32), [0] * counters)


def path_of(levels: list[list[Node]], index: int) -> list[Node]:
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels[:-1])]


def node_json(node: Node | None) -> dict | None:
    return None if node is None else {"hash": node[0].hex(), "sums": [str(s) for s in node[1]]}


def merkle_vectors() -> None:
    def leaf(name: str, counters: int, i: int) -> Node:
        return label(f"leaf {name} {i}"), [(i + 1) * 10 ** (c + 1) + c for c in range(counters)]

    trees = []
    for counters in (0, 1, 6):
        for count in (1, 2, 3, 5, 8):
            trees.append((f"{count} leaves, {counters} counters", counters, [leaf(f"{counters} {count}", counters, i) for i in range(count)]))
        gaps: list[Node | None] = [leaf(f"gaps {counters}", counters, i) for i in range(6)]
        gaps[0] = gaps[3] = gaps[4] = None
        trees.append((f"6 places with 3 absent leaves, {counters} counters", counters, gaps))
    big: list[Node | None] = [(label("big 0"), [2**63]), (label("big 1"), [2**63 - 1])]
    trees.append(("sums that just fit 64 bits", 1, big))

    overflows = [
        {"counters": 1, "leaves": [node_json((label("over 0"), [2**63])), node_json((label("over 1"), [2**63]))]},
        {"counters": 6, "leaves": [node_json((label("over 0"), [1, 1, 1, 1, 1, U64_MAX])), node_json((label("over 1"), [1, 1, 1, 1, 1, 1]))]},
        {"counters": 1, "leaves": [node_json((label(f"over {i}"), [2**62])) for i in range(4)]},
    ]

    five: list[Node | None] = [leaf("false paths", 6, i) for i in range(5)]
    levels = tree(five, 6)
    top = levels[-1][0]

    def bumped(path: list[Node]) -> list[Node]:
        return [(path[0][0], [path[0][1][0] + 1, *path[0][1][1:]]), *path[1:]]

    def false_path(why: str, at: Node | None, index: int, count: int, path: list[Node], reached: Node) -> dict:
        return {"why": why, "counters": 6, "leaf": node_json(at), "index": index, "count": count,
                "path": [node_json(n) for n in path], "root": node_json(reached)}

    inner = levels[1][0]
    overflowing = (levels[0][3][0], [U64_MAX] * 6)
    false_paths = [
        false_path("another index", five[2], 3, 5, path_of(levels, 2), top),
        false_path("an index outside of the tree", five[2], 5, 5, path_of(levels, 2), top),
        false_path("an index that agrees in its low bits only", five[2], 10, 5, path_of(levels, 2), top),
        false_path("another leaf", five[1], 2, 5, path_of(levels, 2), top),
        false_path("a path that is too short", five[2], 2, 5, path_of(levels, 2)[:-1], top),
        false_path("a path that is too long", five[2], 2, 5, [*path_of(levels, 2), (bytes(32), [0] * 6)], top),
        false_path("an inner node as a leaf (second preimage)", inner, 0, 5, path_of(levels, 0)[1:], top),
        false_path("a sibling sum one too great", five[2], 2, 5, bumped(path_of(levels, 2)), top),
        false_path("a root sum one too great", five[2], 2, 5, path_of(levels, 2), (top[0], [top[1][0] + 1, *top[1][1:]])),
        false_path("a sum that leaves 64 bits", five[2], 2, 5, [overflowing, *path_of(levels, 2)[1:]], top),
        false_path("a sibling with five counters", five[2], 2, 5,
                   [(path_of(levels, 2)[0][0], path_of(levels, 2)[0][1][:5]), *path_of(levels, 2)[1:]], top),
    ]
    write("merkle.json", {
        "rule": "T-02, T-06",
        "trees": [
            {"name": name, "counters": counters, "height": height_of(len(leaves)), "leaves": [node_json(n) for n in leaves],
             "root": node_json(root(leaves, counters)),
             "paths": [[node_json(n) for n in path_of(tree(leaves, counters), i)] for i in range(len(leaves))]}
            for name, counters, leaves in trees],
        "noLeaf": [{"counters": c, "root": node_json((bytes(32), [0] * c))} for c in (0, 1, 6)],
        "overflows": overflows,
        "falsePaths": false_paths,
        "claims": claims_vectors(),
    })


def plain_levels(leaves: dict[int, bytes], count: int) -> list[dict[int, bytes]]:
    """T-06 by index: only nodes above a leaf that is there, so that a tree may be wide. `empty_at` gives the others."""
    levels = [leaves]
    for height in range(height_of(count)):
        below, empty = levels[-1], empty_at(height)
        levels.append({i: sha256(b"\x01", below.get(2 * i, empty), below.get(2 * i + 1, empty)) for i in {j >> 1 for j in below}})
    return levels


def empty_at(height: int) -> bytes:
    return bytes(32) if height == 0 else sha256(b"\x01", empty_at(height - 1), empty_at(height - 1))


def plain_root(leaves: dict[int, bytes], count: int) -> bytes:
    return plain_levels(leaves, count)[-1].get(0, empty_at(height_of(count))) if count else bytes(32)


def plain_path(leaves: dict[int, bytes], count: int, index: int) -> list[bytes]:
    return [level.get((index >> height) ^ 1, empty_at(height)) for height, level in enumerate(plain_levels(leaves, count)[:-1])]


def claims_vectors() -> dict:
    def whole(count: int) -> dict[int, bytes]:
        return {i: label(f"claims leaf {count} {i}") for i in range(count)}

    def case(name: str, leaves: dict[int, bytes], count: int, shown: list[int]) -> dict:
        return {"name": name, "count": count, "height": height_of(count), "leaves": {str(i): h.hex() for i, h in leaves.items()},
                "root": plain_root(leaves, count).hex(),
                "paths": {str(i): [h.hex() for h in plain_path(leaves, count, i)] for i in shown}}

    gaps = {i: label(f"claims gaps {i}") for i in (1, 2, 5)}
    wide = 2**20
    sparse = {i: label(f"claims sparse {i}") for i in (0, 1, 77_777, 2**19, wide - 1)}
    cases = [case("no participant", {}, 0, []),
             *[case(f"{count} participants", whole(count), count, list(range(count))) for count in (1, 2, 3, 5)],
             case("6 places with 3 absent leaves", gaps, 6, list(range(6))),
             case("512 participants", whole(512), 512, [0, 1, 255, 256, 511]),
             case("5 of 2^20 places", sparse, wide, [*sparse, 2])]

    five = whole(5)
    path, top = plain_path(five, 5, 2), plain_root(five, 5)
    inner = plain_levels(five, 5)[1][0]
    sums = path_of(tree([(h, [1] * 6) for h in five.values()], 6), 2)

    def false_path(why: str, leaf: bytes, index: int, path: list[bytes]) -> dict:
        return {"why": why, "leaf": leaf.hex(), "index": index, "count": 5, "path": [h.hex() for h in path], "root": top.hex()}

    return {"rule": "T-06", "trees": cases, "falsePaths": [
        false_path("another index", five[2], 3, path),
        false_path("an index outside of the tree", five[2], 5, path),
        false_path("an index that agrees in its low bits only", five[2], 10, path),
        false_path("another leaf", five[1], 2, path),
        false_path("a path that is too short", five[2], 2, path[:-1]),
        false_path("a path that is too long", five[2], 2, [*path, bytes(32)]),
        false_path("an inner node as a leaf (second preimage)", inner, 0, plain_path(five, 5, 0)[1:]),
        false_path("a sibling changed", five[2], 2, [label("another"), *path[1:]]),
        false_path("the hashes of the path with sums", five[2], 2, [h for h, _ in sums]),
        false_path("siblings in another order", five[2], 2, [*path[1:], path[0]]),
    ]}


# -------------------------------------------------------------------------------------------- hashes.json, report.json

def header_bytes(kind: int, *fields: bytes) -> bytes:
    return DOMAIN + u8(kind) + b"".join(fields)


def lifetime_leaf(epoch: int, participant: bytes, lifetime: list[int], owed: int, receipts_root: bytes) -> Node:
    sums = [*lifetime, owed]
    return sha256(b"\x00", DOMAIN, u64(epoch), participant, *[u64(s) for s in sums], receipts_root), sums


def settlement_leaf(epoch: int, escrow: bytes, cumulative: int, debit: int) -> Node:
    return sha256(b"\x00", DOMAIN, u64(epoch), escrow, u64(cumulative), u64(debit)), [debit]


def credit_leaf(epoch: int, entry: bytes, receipt: bytes, karma: list[int], owed: int) -> Node:
    sums = [*karma, owed]
    return sha256(b"\x00", DOMAIN, u64(epoch), entry, receipt, *[u64(s) for s in sums]), sums


def carried_leaf(epoch: int, entry: bytes, drawn: int, beacon: bytes) -> Node:
    return sha256(b"\x00", DOMAIN, u64(epoch), entry, u64(drawn), beacon), []


def layer_key_leaf(model: bytes, operator: int, context_index: int, key_id: bytes) -> Node:
    return sha256(b"\x00", DOMAIN, model, u32(operator), u8(context_index), key_id), []


def proof_context(epoch: int, entry: bytes, model: bytes, position: int, operator: int) -> bytes:
    digest = sha256(b"karmesh:proof", DOMAIN, u64(epoch), entry, model, u32(position), u32(operator))
    return bytes([digest[0] & 0x1F]) + digest[1:]


def hashes_vectors() -> None:
    roots = [label(n) for n in ("receipt set root", "candidates root", "slot hashes root", "escrows root")]
    epoch, count = 7, 1234
    manifest = header_bytes(11, u64(epoch), roots[0], u32(count), roots[1], roots[2], roots[3])
    validator, salt = label("validator"), label("salt")
    other, other_salt = label("validator 2"), label("salt 2")
    mixes = [sha256(header_bytes(15, u64(epoch), v, s)) for v, s in ((validator, salt), (other, other_salt))]
    accumulator = bytes(a ^ b for a, b in zip(*mixes, strict=True))
    report_hash, slot_hash = label("report hash"), label("slot hash")
    owner_leaf = [34_430, 0, 0, 17_215, 250_000]
    participant, escrow, entry, receipt = label("participant"), label("escrow"), label("entry"), label("receipt")
    model, key_id, signals = label("model"), label("key"), [bytes(28) + u32(n) for n in (1, 2)] + [b"\x1f" * 32]
    challenged = int.from_bytes(sha256(b"karmesh:challenge", slot_hash, entry)[:8], "little") % 1000
    write("hashes.json", {
        "rule": "F-01, P-12, P-14, P-15, P-17, P-04, T-01, T-04, T-05, P-19, E-32, A-09, Z-40 to Z-43",
        "domain": {"rule": "F-01", "genesisHash": GENESIS.hex(), "programId": PROGRAM.hex(), "version": VERSION, "domain": DOMAIN.hex()},
        "manifest": {"rule": "P-12", "epoch": str(epoch), "receiptSetRoot": roots[0].hex(), "entryCount": count, "candidatesRoot": roots[1].hex(),
                     "slotHashesRoot": roots[2].hex(), "escrowsRoot": roots[3].hex(), "encoded": manifest.hex(), "manifestHash": sha256(manifest).hex()},
        "saltHash": {"rule": "P-14", "epoch": str(epoch), "validator": validator.hex(), "salt": salt.hex(),
                     "saltHash": sha256(header_bytes(16, u64(epoch), validator, salt)).hex()},
        "saltAccumulator": {"rule": "P-14", "epoch": str(epoch), "salts": [
            {"validator": validator.hex(), "salt": salt.hex(), "mix": mixes[0].hex()},
            {"validator": other.hex(), "salt": other_salt.hex(), "mix": mixes[1].hex()}], "accumulator": accumulator.hex()},
        "beacon": {"rule": "P-15", "epoch": str(epoch), "slotHash": slot_hash.hex(), "saltAccumulator": accumulator.hex(),
                   "beacon": sha256(header_bytes(17, u64(epoch), slot_hash, accumulator)).hex()},
        "rootSeal": {"rule": "P-17, P-18", "epoch": str(epoch), "reportHash": report_hash.hex(), "salt": salt.hex(), "validator": validator.hex(),
                     "seal": sha256(header_bytes(14, u64(epoch), report_hash, salt, validator)).hex()},
        "secp256k1Message": {"rule": "P-04", "participant": validator.hex(), "message": sha256(header_bytes(19, validator)).hex()},
        "lifetimeLeaf": {"rule": "T-01", "cases": [
            {"epoch": str(epoch), "participant": participant.hex(), "lifetime": [str(v) for v in owner_leaf], "lifetimeOwed": "918", "receiptsRoot": r.hex(),
             "hash": lifetime_leaf(epoch, participant, owner_leaf, 918, r)[0].hex(), "sums": [str(v) for v in [*owner_leaf, 918]]}
            for r in (label("receipts root"), bytes(32))]},
        "settlementLeaf": {"rule": "P-19", "epoch": str(epoch), "escrow": escrow.hex(), "cumulativeAfter": "10332", "debit": "3444",
                           "hash": settlement_leaf(epoch, escrow, 10_332, 3_444)[0].hex(), "sums": ["3444"]},
        "creditLeaf": {"rule": "T-04", "epoch": str(epoch), "entryHash": entry.hex(), "receiptHash": receipt.hex(), "karma": ["34430", "0", "0", "17215", "0"],
                       "owed": "918", "hash": credit_leaf(epoch, entry, receipt, [34_430, 0, 0, 17_215, 0], 918)[0].hex(),
                       "sums": ["34430", "0", "0", "17215", "0", "918"]},
        "carriedLeaf": {"rule": "T-05", "epoch": str(epoch), "entryHash": entry.hex(), "drawnEpoch": "5", "beacon": label("beacon").hex(),
                        "hash": carried_leaf(epoch, entry, 5, label("beacon"))[0].hex(), "sums": []},
        "entryLeaf": {"rule": "E-32", "epoch": str(epoch), "entryHash": entry.hex(), "price": "3444",
                      "hash": sha256(b"\x00", DOMAIN, u64(epoch), entry).hex(), "sums": ["3444"]},
        "slotHashLeaf": {"rule": "A-09", "slot": "1234567", "slotHash": slot_hash.hex(),
                         "hash": sha256(b"\x00", DOMAIN, u64(1_234_567), slot_hash).hex(), "sums": []},
        "layerKeyLeaf": {"rule": "Z-40", "modelId": model.hex(), "operator": 11, "contextIndex": 2, "keyId": key_id.hex(),
                         "hash": layer_key_leaf(model, 11, 2, key_id)[0].hex(), "sums": []},
        "proofContext": {"rule": "Z-41", "epoch": str(epoch), "entryHash": entry.hex(), "modelId": model.hex(), "position": 300, "operator": 11,
                         "context": proof_context(epoch, entry, model, 300, 11).hex()},
        "challengedPosition": {"rule": "Z-42", "beacon": slot_hash.hex(), "entryHash": entry.hex(), "positions": 1000, "position": challenged},
        "statementHash": {"rule": "Z-43", "operator": 11, "signals": [s.hex() for s in signals],
                          "hash": sha256(u32(11), *signals).hex()},
    })


def report_vectors() -> None:
    def case(name: str, epoch: int, verdicts: bytes, lifetimes: list[tuple[int, bytes, list[int], int, bytes]],
             settlements: list[tuple[bytes, int, int]], carried: list[tuple[bytes, int, bytes]], prior: bytes) -> dict:
        width = max((row[0] for row in lifetimes), default=-1) + 1
        leaves: list[Node | None] = [None] * width
        for index, participant, karma, owed, receipts in lifetimes:
            leaves[index] = lifetime_leaf(epoch, participant, karma, owed, receipts)
        root_node = root(leaves, 6)
        claims = {i: leaf[0] for i, leaf in enumerate(leaves) if leaf is not None}
        claims_root = plain_root(claims, width)
        settle = [settlement_leaf(epoch, *row) for row in settlements]
        settled = root(settle, 1)
        carry = root([carried_leaf(epoch, *row) for row in carried], 0)[0]
        body = b"".join([root_node[0], *[u64(s) for s in root_node[1]], u32(width), settled[0], u64(settled[1][0]), u32(len(settle)),
                         carry, u32(len(carried)), prior, claims_root])
        assert len(body) == 228
        return {
            "name": name, "epoch": str(epoch), "verdictsRoot": verdicts.hex(),
            "lifetimes": [{"index": i, "participant": p.hex(), "karma": [str(v) for v in k], "owed": str(o), "receiptsRoot": r.hex()}
                          for i, p, k, o, r in lifetimes],
            "settlements": [{"escrow": e.hex(), "cumulativeAfter": str(c), "debit": str(d)} for e, c, d in settlements],
            "carried": [{"entryHash": e.hex(), "drawnEpoch": str(d), "beacon": b.hex()} for e, d, b in carried],
            "report": {"root": root_node[0].hex(), "totals": [str(s) for s in root_node[1]], "participantCount": width,
                       "settlementsRoot": settled[0].hex(), "settlementsTotal": str(settled[1][0]), "escrowCount": len(settle),
                       "carriedRoot": carry.hex(), "carriedCount": len(carried), "priorRoot": prior.hex(),
                       "claimsRoot": claims_root.hex()},
            "claimPaths": {str(i): [h.hex() for h in plain_path(claims, width, i)] for i in claims},
            "encoded": body.hex(),
            "bodyHash": sha256(body).hex(),
            "reportHash": sha256(header_bytes(13, u64(epoch), verdicts, sha256(body))).hex(),
        }

    workers = [(i, label(f"worker {i}"), [34_430 + i, 0, 0, 17_215, 0], 918 + i, label(f"receipts root {i}")) for i in (0, 1, 3)]
    validator = (5, label("validator 5"), [0, 0, 0, 0, 250_000], 0, bytes(32))
    write("report.json", {
        "rule": "P-18, T-01, T-02, T-03, T-05, T-06",
        "domain": DOMAIN.hex(),
        "cases": [
            case("nothing happened", 0, bytes(32), [], [], [], bytes(32)),
            case("one worker, one escrow", 1, label("verdicts"), workers[:1], [(label("escrow a"), 3_444, 3_444)], [], bytes(32)),
            case("three workers and a validator with gaps, two escrows, two carried", 2, label("verdicts 2"), [*workers, validator],
                 [(label("escrow a"), 6_888, 3_444), (label("escrow b"), 1, 1)], sorted([(label("entry a"), 2, label("beacon")), (label("entry b"), 1, label("beacon 2"))]), label("prior root")),
        ],
    })



# ------------------------------------------------------------------------------------------ Ed25519 (RFC 8032, section 6)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(p: tuple, q: tuple) -> tuple:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_mul(s: int, p: tuple) -> tuple:
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def recover_x(y: int, sign: int) -> int:
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    assert (x * x - x2) % P == 0
    return P - x if x & 1 != sign else x


def point_compress(p: tuple) -> bytes:
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_decompress(raw: bytes) -> tuple:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def sha512_scalar(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


class Key:
    """A test key. Its seed is a label, and so worth nothing anywhere."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seed = label(f"key {name}")
        expanded = hashlib.sha512(self.seed).digest()
        self.scalar = int.from_bytes(expanded[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        self.prefix = expanded[32:]
        self.public = point_compress(point_mul(self.scalar, BASE))

    def sign(self, message: bytes) -> bytes:
        r = sha512_scalar(self.prefix, message)
        encoded_r = point_compress(point_mul(r, BASE))
        s = (r + sha512_scalar(encoded_r, self.public, message) * self.scalar) % L
        return encoded_r + s.to_bytes(32, "little")


def signature_vectors() -> None:
    key = Key("signature")
    message = label("message")
    good = key.sign(message)
    s = int.from_bytes(good[32:], "little")
    torsion = point_decompress(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))  # of order 8
    r = sha512_scalar(key.prefix, b"torsion", message)
    mixed_r = point_compress(point_add(point_mul(r, BASE), torsion))
    with_torsion = mixed_r + ((r + sha512_scalar(mixed_r, key.public, message) * key.scalar) % L).to_bytes(32, "little")
    identity_r = point_compress((0, 1, 1, 0))
    with_small_r = identity_r + (sha512_scalar(identity_r, key.public, message) * key.scalar % L).to_bytes(32, "little")
    small_key = point_compress(torsion)
    # With a key of small order, R = [s]B - [k]A can be met by trying s until k is a multiple of eight.
    for trial in range(1, 1000):
        small_r = point_compress(point_mul(trial, BASE))
        if sha512_scalar(small_r, small_key, message) % 8 == 0:
            under_small_key = small_r + trial.to_bytes(32, "little")
            break
    mixed_key = point_compress(point_add(point_mul(key.scalar, BASE), torsion))
    for trial in range(1, 1000):
        r = sha512_scalar(key.prefix, u32(trial), message)
        some_r = point_compress(point_mul(r, BASE))
        k = sha512_scalar(some_r, mixed_key, message)
        if k % 8 == 0:
            under_mixed_key = some_r + ((r + k * key.scalar) % L).to_bytes(32, "little")
        else:
            cofactor_only = some_r + ((r + k * key.scalar) % L).to_bytes(32, "little")
        if trial > 40:
            break
    not_a_point = next(bytes([i]) + bytes(31) for i in range(2, 40) if pow((i * i - 1) * pow(D * i * i + 1, P - 2, P) % P, (P - 1) // 2, P) == P - 1)
    cases = [
        ("a plain signature", key.public, message, good, True),
        ("another message", key.public, label("message 2"), good, False),
        ("another key", Key("signature 2").public, message, good, False),
        ("R with a part of small order (holds with the cofactor only)", key.public, message, with_torsion, False),
        ("R is the neutral element", key.public, message, with_small_r, False),
        ("a key of small order", small_key, message, under_small_key, False),
        ("a key with a part of small order that cancels", mixed_key, message, under_mixed_key, True),
        ("a key with a part of small order that does not cancel", mixed_key, message, cofactor_only, False),
        ("S + L", key.public, message, good[:32] + (s + L).to_bytes(32, "little"), False),
        ("S = L", key.public, message, good[:32] + L.to_bytes(32, "little"), False),
        ("zero bytes", key.public, message, bytes(64), False),
        ("a zero key", bytes(32), message, good, False),
        ("a key that is no point", not_a_point, message, good, False),
        ("a key written with y = p + 1", (P + 1).to_bytes(32, "little"), message, good, False),
        ("R written with y = p + 1", key.public, message, (P + 1).to_bytes(32, "little") + good[32:], False),
        ("63 bytes", key.public, message, good[:63], False),
        ("65 bytes", key.public, message, good + b"\x00", False),
        ("31 bytes of key", key.public[:31], message, good, False),
    ]
    wide = [0, 1, L - 1, L, L + 1, 2 * L - 1, 2**252, 2**260 - 1, 2**260, 2**512 - 1, (2**512 // L) * L, (2**512 // L) * L - 1]
    wide += [int.from_bytes(hashlib.sha512(u32(i)).digest(), "little") for i in range(20)]
    write("signature.json", {
        "rule": "F-05",
        "reductions": [{"wide": w.to_bytes(64, "little").hex(), "reduced": (w % L).to_bytes(32, "little").hex()} for w in wide],
        "keys": [{"name": k.name, "seed": k.seed.hex(), "publicKey": k.public.hex()} for k in (key, Key("gateway"), Key("worker 0"))],
        "cases": [{"name": n, "identity": i.hex(), "message": m.hex(), "signature": g.hex(), "holds": h} for n, i, m, g, h in cases],
    })


# --------------------------------------------------------------------------------------------------------- the layouts

class Layout:
    """How a value is written: `enc` gives its bytes, `js` what the JSON shows."""

    def __init__(self, enc, js=lambda value: value) -> None:
        self.enc, self.js = enc, js


U8, U16, U32 = Layout(u8), Layout(u16), Layout(u32)
U64 = Layout(u64, str)
TEXT = Layout(lambda value: u32(len(value.encode())) + value.encode())
BYTES = Layout(lambda value: u32(len(value)) + value, lambda value: value.hex())


def fixed(size: int) -> Layout:
    def enc(value: bytes) -> bytes:
        assert len(value) == size
        return value
    return Layout(enc, lambda value: value.hex())


B32, B24, B64 = fixed(32), fixed(24), fixed(64)


def one_of(*names: str) -> Layout:
    return Layout(lambda value: u8(names.index(value) + 1))


def vec(item: Layout) -> Layout:
    return Layout(lambda values: u32(len(values)) + b"".join(item.enc(v) for v in values), lambda values: [item.js(v) for v in values])


def struct(**fields: Layout) -> Layout:
    return Layout(lambda value: b"".join(item.enc(value[name]) for name, item in fields.items()),
                  lambda value: {name: item.js(value[name]) for name, item in fields.items()})


def array(item: Layout, length: int) -> Layout:
    def enc(values: list) -> bytes:
        assert len(values) == length
        return b"".join(item.enc(v) for v in values)
    return Layout(enc, lambda values: [item.js(v) for v in values])


ASSURANCE = one_of("stream", "quorum", "proof")
FINISH = one_of("stop", "length", "halted")
TOKENS = vec(U32)
REFUSALS = ("queue-full", "model-not-loaded", "dispatch-too-old", "not-drawn", "bad-ticket", "bad-request", "context-overflow", "shutting-down", "paused", "no-access", "no-proofs")
TIMEOUTS = ("unreachable", "no-acceptance", "no-seal", "no-reveal", "bad-reveal", "no-partner")

# F-20 to F-33: kind, who signs, fields.
RECORDS = {
    "ticket": (2, "gateway", struct(requestId=B32, gateway=B32, ticketNumber=U64, lane=U8, priceCap=U64, unitPrice=U64, escrow=B32, issuedAtMs=U64)),
    "dispatch": (3, "gateway", struct(ticketHash=B32, dispatchNumber=U64, slot=U64, preimage=B32, modelId=B32, engineClass=B32,
                                      assurance=ASSURANCE, dispatchedAtMs=U64)),
    "seal": (4, "worker", struct(dispatchHash=B32, worker=B32, seal=B32, sealedAtMs=U64)),
    "usage": (5, "worker", struct(dispatchHash=B32, worker=B32, sequence=U32, promptTokens=U32, outputTokens=U32, outputChain=B32)),
    "receipt": (6, "worker", struct(dispatchHash=B32, worker=B32, epoch=U64, counter=U64, promptTokens=U32, outputTokens=U32,
                                    outputHash=B32, bodyHash=B32)),
    "refusal": (7, "worker", struct(dispatchHash=B32, worker=B32, reason=one_of(*REFUSALS), refusedAtMs=U64)),
    "timeout": (8, "gateway", struct(dispatchHash=B32, worker=B32, cause=one_of(*TIMEOUTS), recordedAtMs=U64)),
    "outcome": (9, "gateway", struct(dispatchHash=B32, verdict=one_of("agreed", "none"), outputHash=B32, price=U64, evidenceHash=B32, finishedAtMs=U64)),
    "batch": (10, "gateway", struct(producer=B32, sequence=U64, epoch=U64, merkleRoot=B32, bodyHash=B32, count=U32, issuedAtMs=U64)),
    "verdict": (12, "validator", struct(epoch=U64, entryHash=B32, receiptHash=B32, validator=B32, attempt=U8, verdict=one_of("pass", "fail"),
                                        rule=U16, measurementsHash=B32)),
    "voucher": (22, "buyer", struct(escrow=B32, cumulative=U64)),
    "quote": (25, "gateway", struct(gateway=B32, modelId=B32, lane=U8, unitPrice=U64, baseFee=U32, issuedAtMs=U64, expiresAtMs=U64, nonce=U64)),
    "depositOffer": (26, "gateway", struct(gateway=B32, reference=B32, address=B32, asset=one_of("sol", "token"), rate=U64, expiresAtMs=U64)),
    "order": (27, "buyer", struct(escrow=B32, requestHash=B32, atMs=U64)),
}


def record_hash(name: str, value: dict) -> bytes:
    kind, _, layout = RECORDS[name]
    return sha256(header_bytes(kind, layout.enc(value)))


def signed(name: str, key: Key, value: dict) -> dict:
    return {"value": value, "signature": key.sign(record_hash(name, value))}


def signed_layout(name: str) -> Layout:
    return struct(value=RECORDS[name][2], signature=B64)


BODY = struct(requestId=B32, modelId=B32, engineClass=B32, traceRoot=B32, salt=B24, sealsHash=B32, finishReason=FINISH,
              receivedAtMs=U64, firstTokenAtMs=U64, finishedAtMs=U64)
REVEALED = struct(receipt=signed_layout("receipt"), body=BODY)
EVIDENCE = struct(seals=vec(struct(seal=signed_layout("seal"), arrivedAtMs=U64)), receipts=vec(REVEALED),
                  refusals=vec(signed_layout("refusal")), timeouts=vec(signed_layout("timeout")))
ENTRY = struct(ticket=signed_layout("ticket"), dispatch=signed_layout("dispatch"), evidence=EVIDENCE, outcome=signed_layout("outcome"))
REQUEST = struct(modelId=B32, assurance=ASSURANCE, maxTokens=U32, temperatureMicro=U32, stops=vec(TEXT),
                 messages=vec(struct(role=one_of("system", "user", "assistant"), content=TEXT)), blinding=B32)
MODEL = struct(name=TEXT, fileHash=B32, fileBytes=U64, architecture=TEXT, quantisation=TEXT, tokenizerHash=B32, templateHash=B32,
               totalParameters=U64, activeParameters=U64, contextLength=U32, vocabulary=U32, licence=TEXT)
ENGINE_CLASS = struct(engine=TEXT, build=TEXT, cpuKernel=TEXT, settings=TEXT)
MEASUREMENTS = struct(tokens=U32, differing=U32, largestGapMicro=U64, gapSumMicro=U64)
CANDIDATE = struct(participant=B32, index=U32, identity=B32, weight=U64)
GROUP = struct(epoch=U64, engineClass=B32, modelId=B32, candidates=vec(CANDIDATE))
MANIFEST = struct(epoch=U64, entries=vec(struct(entryHash=B32, price=U64)), groups=vec(GROUP), slotHashes=vec(struct(slot=U64, slotHash=B32)),
                  escrows=vec(struct(escrow=B32, gateway=B32, available=U64, cumulativeDebit=U64)))


LANE_PRICE_TENTHS = (80, 50, 30, 20, 14, 10)
LANE_WEIGHTS = (32, 16, 8, 4, 2, 1)


class LaneOrder:
    """L-03 and L-04 over sorted lists. A lane's queue holds tickets of one account each; the front one has the turn."""

    def __init__(self) -> None:
        self.clock, self.passes, self.rings = (0, -1), [0] * 6, [[] for _ in range(6)]

    def enter(self, ticket: int, lane: int, account: str) -> None:
        if not self.rings[lane]:
            first = self.clock[0] + (0 if lane > self.clock[1] else 1)
            self.passes[lane] = max(self.passes[lane], first)
        for name, tickets in self.rings[lane]:
            if name == account:
                return tickets.append(ticket)
        self.rings[lane].append((account, [ticket]))

    def leave(self, ticket: int) -> None:
        for lane, ring in enumerate(self.rings):
            self.rings[lane] = [(name, [t for t in tickets if t != ticket]) for name, tickets in ring if tickets != [ticket]]

    def start(self) -> int | None:
        keys = sorted((self.passes[lane], lane) for lane in range(6) if self.rings[lane])
        if not keys:
            return None
        self.clock = keys[0]
        lane = keys[0][1]
        self.passes[lane] += 32 // LANE_WEIGHTS[lane]
        account, tickets = self.rings[lane].pop(0)
        if tickets[1:]:
            self.rings[lane].append((account, tickets[1:]))
        return tickets[0]


def lane_courses() -> list[dict]:
    """Courses of an order whose events follow from hashes; a start carries who started."""
    courses = []
    for number in range(4):
        order, events, waiting, ticket = LaneOrder(), [], [], 0
        for step in range(120):
            draw = label(f"lanes {number} {step}")
            if draw[0] < 140:
                ticket += 1 + draw[3] % 2
                lane, account = draw[1] % 6, "abc"[draw[2] % (number + 1) % 3]
                order.enter(ticket, lane, account)
                waiting.append(ticket)
                events.append({"kind": "enter", "ticket": str(ticket), "lane": lane, "account": account})
            elif draw[0] < 155 and waiting:
                gone = waiting.pop(draw[1] % len(waiting))
                order.leave(gone)
                events.append({"kind": "leave", "ticket": str(gone)})
            else:
                started = order.start()
                if started is not None:
                    waiting.remove(started)
                events.append({"kind": "start", "ticket": None if started is None else str(started)})
        courses.append(events)
    return courses


def next_base_fee(fee: int, waiting: int, target: int, ceiling: int) -> int:
    """L-06, as in EIP-1559."""
    waiting = min(waiting, 2 * target)
    if waiting > target:
        fee += max(1, fee * (waiting - target) // target // 8)
    else:
        fee = max(1_000, fee - fee * (target - waiting) // target // 8)
    return min(fee, ceiling)


def lanes_vectors() -> None:
    fees = [(1_000, 0, 16, 20_000), (1_000, 17, 16, 20_000), (1_001, 15, 16, 20_000), (1_125, 32, 16, 20_000), (4_321, 1_000, 16, 20_000),
            (19_999, 40, 16, 20_000), (7_777, 3, 10, 20_000), (2**32 - 1, 99, 16, 2**32 - 1), (1_003, 101, 100, 20_000)]
    prices = [(100_000, 0, 1_000), (100_000, 4, 1_125), (1, 4, 1_000), (9_999, 5, 1_001), (2**64 - 1, 5, 1_000), (0, 0, 20_000)]
    write("lanes.json", {
        "rule": "L-01 to L-07",
        "courses": lane_courses(),
        "startsWithin": [{"lane": lane, "before": before, "starts": sum(-(-(before + 1) * weight // own) for weight in LANE_WEIGHTS)}
                         for lane, own in enumerate(LANE_WEIGHTS) for before in (0, 1, 7, 1_000)],
        "baseFees": [{"baseFee": f, "waiting": w, "target": t, "ceiling": c, "next": next_base_fee(f, w, t, c)} for f, w, t, c in fees],
        "unitPrices": [{"listPrice": str(p), "lane": lane, "baseFee": fee, "unitPrice": str(-(-p * LANE_PRICE_TENTHS[lane] * fee // 10_000))}
                       for p, lane, fee in prices],
    })


def sum_path(counters: int) -> Layout:
    return vec(struct(hash=B32, sums=array(U64, counters)))


def records_vectors() -> None:
    """Each record with fields that differ from each other in every byte, so that no two can change places unseen."""
    h = lambda name: label(f"records {name}")
    values = {
        "ticket": dict(requestId=h("request"), gateway=h("gateway"), ticketNumber=0x0102030405060708, lane=3, priceCap=10_000_000, unitPrice=150_000, escrow=h("escrow"),
                       issuedAtMs=1_700_000_000_001),
        "dispatch": dict(ticketHash=h("ticket"), dispatchNumber=65_536, slot=2**40 + 7, preimage=h("preimage"), modelId=h("model"),
                         engineClass=h("class"), assurance="proof", dispatchedAtMs=1_700_000_000_002),
        "seal": dict(dispatchHash=h("dispatch"), worker=h("worker"), seal=h("seal"), sealedAtMs=1_700_000_000_003),
        "usage": dict(dispatchHash=h("dispatch"), worker=h("worker"), sequence=4, promptTokens=20, outputTokens=8, outputChain=h("chain")),
        "receipt": dict(dispatchHash=h("dispatch"), worker=h("worker"), epoch=7, counter=2**64 - 1, promptTokens=2**32 - 1, outputTokens=8,
                        outputHash=h("output"), bodyHash=h("body")),
        "refusal": dict(dispatchHash=h("dispatch"), worker=h("worker"), reason="shutting-down", refusedAtMs=1_700_000_000_004),
        "timeout": dict(dispatchHash=h("dispatch"), worker=h("worker"), cause="no-partner", recordedAtMs=1_700_000_000_005),
        "outcome": dict(dispatchHash=h("dispatch"), verdict="agreed", outputHash=h("output"), price=3_444, evidenceHash=h("evidence"),
                        finishedAtMs=1_700_000_000_006),
        "batch": dict(producer=h("gateway"), sequence=9, epoch=7, merkleRoot=h("merkle"), bodyHash=h("batch body"), count=4_096,
                      issuedAtMs=1_700_000_000_007),
        "verdict": dict(epoch=7, entryHash=h("entry"), receiptHash=h("receipt"), validator=h("validator"), attempt=1, verdict="fail", rule=21,
                        measurementsHash=h("measurements")),
        "voucher": dict(escrow=h("escrow"), cumulative=0x0102030405060709),
        "quote": dict(gateway=h("gateway"), modelId=h("model"), lane=4, unitPrice=157_500, baseFee=1_125, issuedAtMs=1_700_000_000_008,
                      expiresAtMs=1_700_000_030_008, nonce=0x0102030405060710),
        "depositOffer": dict(gateway=h("gateway"), reference=h("reference"), address=h("address"), asset="token", rate=2_500_000, expiresAtMs=1_700_000_900_000),
        "order": dict(escrow=h("escrow"), requestHash=sha256(b"POST\x00/v1/chat/completions\x00{}"), atMs=1_700_000_000_009),
    }
    rows = []
    for name, (kind, signer, layout) in RECORDS.items():
        encoded = header_bytes(kind, layout.enc(values[name]))
        assert len(encoded) <= 192
        key = Key(signer)
        rows.append({"name": name, "kind": kind, "signer": signer, "size": len(encoded), "fields": layout.js(values[name]), "header": encoded.hex(),
                     "hash": sha256(encoded).hex(), "signature": key.sign(sha256(encoded)).hex(),
                     "signed": signed_layout(name).enc(signed(name, key, values[name])).hex()})
    body = dict(requestId=h("request"), modelId=h("model"), engineClass=h("class"), traceRoot=h("trace"), salt=h("salt")[:24], sealsHash=h("seals"),
                finishReason="length", receivedAtMs=1, firstTokenAtMs=2, finishedAtMs=3)
    seals = [values["seal"], {**values["seal"], "worker": h("worker 2"), "seal": h("seal 2")}]
    write("records.json", {
        "rule": "F-02 to F-05, F-20 to F-33",
        "domain": DOMAIN.hex(),
        "keys": {n: {"seed": Key(n).seed.hex(), "publicKey": Key(n).public.hex()} for n in ("gateway", "worker", "validator", "buyer")},
        "records": rows,
        "receiptBody": {"rule": "F-24", "fields": BODY.js(body), "encoded": BODY.enc(body).hex(), "bodyHash": sha256(BODY.enc(body)).hex()},
        "sealsHash": {"rule": "F-25", "seals": vec(RECORDS["seal"][2]).js(seals), "sealsHash": sha256(vec(RECORDS["seal"][2]).enc(seals)).hex()},
        "measurements": {"rule": "U-04", "fields": MEASUREMENTS.js(dict(tokens=8, differing=1, largestGapMicro=6_000, gapSumMicro=7_000)),
                         "encoded": MEASUREMENTS.enc(dict(tokens=8, differing=1, largestGapMicro=6_000, gapSumMicro=7_000)).hex()},
    })


def output_hash(prompt_tokens: int, finish: str, tokens: list[int]) -> bytes:
    return sha256(header_bytes(21, u32(prompt_tokens), FINISH.enc(finish), sha256(TOKENS.enc(tokens))))


def seal_value(request_id: bytes, worker: bytes, output: bytes, trace: bytes, salt: bytes) -> bytes:
    return sha256(header_bytes(20, request_id, worker, output, trace, salt))


def usage_chain(previous: bytes, tokens: list[int]) -> bytes:
    return sha256(header_bytes(18, previous, sha256(TOKENS.enc(tokens))))


def request_id(request: dict) -> bytes:
    return sha256(header_bytes(1, sha256(REQUEST.enc(request))))


def request_vectors() -> None:
    requests = [
        dict(modelId=label("model"), assurance="quorum", maxTokens=64, temperatureMicro=0, stops=[],
             messages=[dict(role="user", content="What is the capital of France?")], blinding=label("blinding")),
        dict(modelId=label("model"), assurance="stream", maxTokens=2**32 - 1, temperatureMicro=700_000, stops=["\n\n", "Ende \u00e9"],
             messages=[dict(role="system", content=""), dict(role="user", content="\ufeff\U0001d542 \u0000"), dict(role="assistant", content="a")],
             blinding=bytes(32)),
    ]
    model = dict(name="tiny", fileHash=label("file"), fileBytes=3_521_056, architecture="llama", quantisation="Q8_0", tokenizerHash=label("tokenizer"),
                 templateHash=label("template"), totalParameters=BUNDLED, activeParameters=BUNDLED, contextLength=512, vocabulary=1024, licence="Apache-2.0")
    engine = dict(engine="llama.cpp", build="b1234", cpuKernel="zen4", settings="flash-attention=off threads=1")
    rid, worker, trace, salt = request_id(requests[0]), label("worker"), label("trace"), label("salt")[:24]
    outputs = [(20, "stop", [1, 2, 3, 1023]), (20, "length", [1, 2, 3, 1023]), (0, "stop", []), (20, "halted", [1, 2, 3])]
    out = output_hash(*outputs[0])
    chunks = [[1, 2], [], [3, 1023]]
    chain = [rid]
    for chunk in chunks:
        chain.append(usage_chain(chain[-1], chunk))
    write("request.json", {
        "rule": "F-10 to F-16",
        "domain": DOMAIN.hex(),
        "requests": [{"fields": REQUEST.js(r), "encoded": REQUEST.enc(r).hex(), "requestId": request_id(r).hex()} for r in requests],
        "model": {"rule": "F-12", "fields": MODEL.js(model), "encoded": MODEL.enc(model).hex(),
                  "modelId": sha256(b"karmesh:model", MODEL.enc(model)).hex()},
        "engineClass": {"rule": "F-13", "fields": ENGINE_CLASS.js(engine), "encoded": ENGINE_CLASS.enc(engine).hex(),
                        "engineClassId": sha256(b"karmesh:engine-class", ENGINE_CLASS.enc(engine)).hex()},
        "outputs": {"rule": "F-14", "cases": [{"promptTokens": p, "finishReason": f, "tokens": t, "outputHash": output_hash(p, f, t).hex()}
                                              for p, f, t in outputs]},
        "seal": {"rule": "F-15", "requestId": rid.hex(), "worker": worker.hex(), "outputHash": out.hex(), "traceRoot": trace.hex(), "salt": salt.hex(),
                 "seal": seal_value(rid, worker, out, trace, salt).hex()},
        "usageChain": {"rule": "F-16", "requestId": rid.hex(), "chunks": chunks, "chain": [c.hex() for c in chain[1:]]},
    })


# ------------------------------------------------------------------------------------------------------ assignment.json

def chain_of(secret: bytes, length: int) -> list[bytes]:
    """chain_of(...)[n] is the preimage of dispatch n; [0] is the commitment."""
    chain = [secret]
    for _ in range(length):
        chain.append(sha256(chain[-1]))
    return chain[::-1]


def draw_number(seed: bytes, attempt: int) -> int:
    return int.from_bytes(sha256(seed, u32(attempt))[:16], "little")


def draw(seed: bytes, weights: list[int], limit: int = 8) -> tuple[list[int], int]:
    """The places drawn, and how many attempts it took."""
    total, drawn, attempt = sum(weights), [], 0
    while total > 0 and len(drawn) < min(limit, len(weights)) and attempt < 4096:
        x, place = draw_number(seed, attempt) % total, 0
        while x >= weights[place]:
            x -= weights[place]
            place += 1
        if place not in drawn:
            drawn.append(place)
        attempt += 1
    return drawn, attempt


def draw_seed(slot_hash: bytes, preimage: bytes, number: int) -> bytes:
    return sha256(slot_hash, preimage, u64(number))


def candidates(prefix: str, weights: list[int]) -> list[dict]:
    return [dict(participant=label(f"{prefix} {i}"), index=2 * i + 1, identity=Key(f"{prefix} {i}").public, weight=w) for i, w in enumerate(weights)]


def group_tree(group: dict) -> list[list[Node]]:
    return tree([(sha256(b"\x00", DOMAIN, u64(group["epoch"]), c["participant"], u32(c["index"]), c["identity"], u64(c["weight"])), [c["weight"]])
                 for c in group["candidates"]], 1)


def group_leaf(group: dict) -> Node:
    top = group_tree(group)[-1][0]
    return (sha256(b"\x00", DOMAIN, u64(group["epoch"]), group["engineClass"], group["modelId"], u32(len(group["candidates"])), top[0]), top[1])


def assignment_vectors() -> None:
    secret, length = label("chain secret"), 1000
    chain = chain_of(secret, length)
    draws = []
    for name, weights, limit in [("five equal workers", [1_000_000] * 5, 8), ("one worker", [1], 8), ("nobody", [], 8),
                                 ("two workers", [3, 5], 8), ("a giant among dwarfs", [10**9, 1, 1, 1], 3),
                                 ("weights between floor and cap", [1_000_000, 10_000_000, 4_300_000, 1_000_001, 9_999_999, 2_000_000, 1, 5, 7_777_777, 3], 8),
                                 ("three of ten", [i * i + 1 for i in range(10)], 3), ("a weight of zero", [5, 0, 5], 2),
                                 ("the greatest weights", [2**63, 2**63 - 1], 2)]:
        for number in (1, 2, 1000):
            seed = draw_seed(label("slot hash"), chain[number], number)
            places, attempts = draw(seed, weights, limit)
            draws.append({"name": f"{name}, dispatch {number}", "slotHash": label("slot hash").hex(), "preimage": chain[number].hex(), "dispatchNumber": str(number),
                          "seed": seed.hex(), "weights": [str(w) for w in weights], "limit": limit, "drawn": places, "attempts": attempts})
    groups = [dict(epoch=7, engineClass=label("class a"), modelId=label("model"), candidates=candidates("worker", [1_000_000, 2_000_000, 10_000_000, 1_000_000, 1_500_000])),
              dict(epoch=7, engineClass=label("class b"), modelId=label("model"), candidates=candidates("other", [1_000_000])),
              dict(epoch=6, engineClass=label("class a"), modelId=label("model"), candidates=candidates("worker", [1_000_000, 1_000_000]))]
    groups.sort(key=lambda g: (g["epoch"], g["engineClass"], g["modelId"]))
    top = root([group_leaf(g) for g in groups], 1)
    write("assignment.json", {
        "rule": "A-01 to A-08",
        "domain": DOMAIN.hex(),
        "chain": {"rule": "A-01", "secret": secret.hex(), "length": length, "commitment": chain[0].hex(),
                  "preimages": [{"dispatchNumber": str(n), "preimage": chain[n].hex()} for n in (1, 2, 3, 500, 999, 1000)]},
        "drawNumbers": {"rule": "A-08", "seed": label("seed").hex(), "numbers": [str(draw_number(label("seed"), i)) for i in range(4)]},
        "draws": {"rule": "A-03, A-08", "cases": draws},
        "weights": {"rule": "A-05", "weightFloor": "1000000", "weightCap": "9000000",
                    "cases": [{"karma": str(k), "weight": str(1_000_000 + min(9_000_000, k))} for k in (0, 1, 34_430, 8_999_999, 9_000_000, 9_000_001, U64_MAX)]},
        "groups": {"rule": "A-04, A-07", "groups": [
            {"fields": GROUP.js(g), "encoded": GROUP.enc(g).hex(), "root": node_json(group_tree(g)[-1][0]), "leaf": node_json(group_leaf(g))} for g in groups],
            "candidatesRoot": node_json(top)},
    })


# ------------------------------------------------------------------------------------------------ quorum.json, audit.json

def quorum_decision(answers: list[tuple[str, str, int]]) -> dict:
    """Written from the rule's sentence: count those of one output and trace, the larger group, then the earlier first member. Who answers twice counts once."""
    first = [a for i, a in enumerate(answers) if a[0] not in [b[0] for b in answers[:i]]]
    said = [(o, t) for _, o, t in first]
    workers = [label(w).hex() for w, _, _ in first]
    best = max(said, key=lambda one: (said.count(one), -said.index(one)), default=None)
    if best is None or said.count(best) < 2:
        return {"kind": "none", "dissenting": workers}
    agrees = [one == best for one in said]
    return {"kind": "agreed", "outputHash": label(best[0]).hex(), "agreeing": [w for w, yes in zip(workers, agrees, strict=True) if yes],
            "dissenting": [w for w, yes in zip(workers, agrees, strict=True) if not yes]}


def quorum_vectors() -> None:
    one = 0x5B
    table = {
        "nobody answers": "", "one answer is no quorum": "x", "two agree": "xx", "two differ": "xy", "three agree": "xxx", "the second dissents": "xyx",
        "the first dissents": "yxx", "all three differ": "xyz", "a fourth decides a split": "xyzy", "two pairs: the earlier drawn wins": "xyyx",
        "the larger group wins over the earlier": "xxyyy", "eight answers in three groups": "xyzzyxyz",
    }
    cases = [(name, [(f"worker {i}", f"output {o}", one) for i, o in enumerate(pattern)]) for name, pattern in table.items()]
    cases.append(("a worker that answers twice counts once", [("worker 0", "output x", one), ("worker 0", "output x", one), ("worker 1", "output y", one)]))
    for name, traces in (("one of three with the same output has another trace", (one, 0x6C, one)), ("same output, three traces: no quorum", (one, 0x6C, 0x7D))):
        cases.append((name, [(f"worker {i}", "output x", trace) for i, trace in enumerate(traces)]))
    write("quorum.json", {"rule": "Q-01", "cases": [
        {"name": name, "answers": [{"worker": label(w).hex(), "outputHash": label(o).hex(), "traceRoot": (bytes([t]) * 32).hex()} for w, o, t in answers],
         "decision": quorum_decision(answers)} for name, answers in cases]})


def audit_vectors() -> None:
    beacon = label("beacon")
    first8 = lambda *parts: int.from_bytes(sha256(*parts)[:8], "little")
    entries = [label(f"audited entry {i}") for i in range(24)]
    stakes = [(4, 1_000_000_000), (9, 2_000_000_000), (2, 1_000_000_000), (11, 5_000_000_000)]
    validators = [dict(participant=label(f"validator {i}").hex(), index=i, stake=str(s)) for i, s in stakes]
    ordered = sorted(stakes)
    rows = []
    for entry in entries:
        places, _ = draw(sha256(b"karmesh:audit:auditor", beacon, entry), [s for _, s in ordered], 2)
        rows.append({"entryHash": entry.hex(), "lot": first8(b"karmesh:audit:answer", beacon, entry) % 10_000,
                     "receiptOf": {str(n): first8(b"karmesh:audit:receipt", beacon, entry) % n for n in (1, 2, 3, 8)},
                     "auditors": [ordered[p][0] for p in places]})
    judged = [
        ("nothing differs", (8, 0, 0, 0), 0), ("a gap as large as allowed", (8, 1, 10_000, 10_000), 0), ("a gap one micro-logit too large", (8, 1, 10_001, 10_001), 20),
        ("a sum as large as a hundred tokens may have", (8, 2, 10_000, 20_000), 0), ("a sum over it", (8, 2, 10_000, 20_001), 21),
        ("a thousand tokens with the whole allowance", (1000, 20, 10_000, 200_000), 0), ("a thousand tokens over it", (1000, 20, 10_000, 200_001), 21),
        ("as many differing tokens as allowed", (1000, 20, 10, 10), 0), ("one more", (1000, 21, 10, 10), 22), ("two of eight", (8, 2, 10, 10), 0), ("three of eight", (8, 3, 10, 10), 22),
        ("no token", (0, 0, 0, 0), 0),
    ]
    hashes = [label(f"verdict {i}") for i in range(3)]
    write("audit.json", {
        "rule": "U-01, U-02, U-05, U-06",
        "beacon": beacon.hex(), "validators": validators,
        "draws": {"rule": "U-01, U-02", "cases": rows},
        "rates": {"rule": "U-01", "cases": [{"rate": rate, "asked": asked, "effective": min(10_000, rate * 2 ** max(0, asked - 3))}
                                            for rate in (0, 100, 2500, 5000, 10_000) for asked in (3, 4, 5, 8)]},
        "judge": {"rule": "U-05", "thresholds": {"largestGapMicro": "10000", "gapSumMicroPer1000": "200000", "differingPer1000": 20},
                  "cases": [{"name": n, "tokens": m[0], "differing": m[1], "largestGapMicro": str(m[2]), "gapSumMicro": str(m[3]), "rule": r} for n, m, r in judged]},
        "verdictsRoot": {"rule": "U-06", "cases": [
            {"name": "none", "hashes": [], "root": bytes(32).hex()},
            {"name": "one", "hashes": [hashes[0].hex()], "root": sha256(b"\x00", hashes[0]).hex()},
            {"name": "three in any order", "hashes": [x.hex() for x in hashes], "root": sha256(b"\x00", *sorted(hashes)).hex()},
            {"name": "one given twice", "hashes": [x.hex() for x in [*hashes, hashes[1]]], "root": sha256(b"\x00", *sorted(hashes)).hex()},
        ]},
    })


# ---------------------------------------------------------------------------------------------- entry.json, manifest.json

class Market:
    """A cluster of one gateway and eight workers, whose entries hold by every rule."""

    epoch_zero, slots_per_epoch, list_price, tolerance = 1000, 150, 100_000, 5_000
    model, engine, escrow, gateway = label("market model"), label("market class"), label("market escrow"), label("market gateway")

    def __init__(self) -> None:
        self.gateway_key = Key("market gateway")
        self.chain = chain_of(label("market chain"), 64)
        self.candidates = candidates("market worker", [1_000_000, 1_200_000, 3_000_000, 1_000_000, 10_000_000, 1_000_000, 2_000_000, 1_500_000])

    def slot_hash(self, slot: int) -> bytes:
        return label(f"market slot {slot}")

    def key(self, place: int) -> Key:
        return Key(f"market worker {place}")

    def drawn(self, number: int, slot: int) -> list[int]:
        seed = draw_seed(self.slot_hash(slot), self.chain[number], number)
        return draw(seed, [c["weight"] for c in self.candidates])[0]

    def entry(self, number: int, slot: int, assurance: str, roles: list[str]) -> dict:
        """`roles`, in the order of the draw: an answer's letter, `refuses`, or `times out`."""
        epoch = (slot - self.epoch_zero) // self.slots_per_epoch
        now = 1_700_000_000_000 + 400 * slot
        order = self.drawn(number, slot)[:len(roles)]
        who = [self.candidates[p]["participant"] for p in order]
        rid = label(f"market request {number}")
        ticket = signed("ticket", self.gateway_key, dict(requestId=rid, gateway=self.gateway, ticketNumber=100 + number, lane=5, priceCap=1_000_000, unitPrice=0,
                                                         escrow=self.escrow, issuedAtMs=now))
        dispatch = signed("dispatch", self.gateway_key, dict(
            ticketHash=record_hash("ticket", ticket["value"]), dispatchNumber=number, slot=slot, preimage=self.chain[number], modelId=self.model,
            engineClass=self.engine, assurance=assurance, dispatchedAtMs=now + 5))
        at = record_hash("dispatch", dispatch["value"])
        answers = {i: r for i, r in enumerate(roles) if len(r) == 1}
        outputs = {i: output_hash(20, "stop", [ord(r)] * 8) for i, r in answers.items()}
        salts = {i: label(f"market salt {number} {i}")[:24] for i in answers}
        seals = [{"seal": signed("seal", self.key(order[i]), dict(dispatchHash=at, worker=who[i], sealedAtMs=now + 900,
                                                                  seal=seal_value(rid, who[i], outputs[i], label("trace"), salts[i]))),
                  "arrivedAtMs": now + 905 + i} for i in answers]
        seals_hash = sha256(vec(RECORDS["seal"][2]).enc([s["seal"]["value"] for s in seals]))
        receipts = []
        for i in answers:
            body = dict(requestId=rid, modelId=self.model, engineClass=self.engine, traceRoot=label("trace"), salt=salts[i], sealsHash=seals_hash,
                        finishReason="stop", receivedAtMs=now + 10, firstTokenAtMs=now + 200, finishedAtMs=now + 890)
            receipts.append({"receipt": signed("receipt", self.key(order[i]), dict(
                dispatchHash=at, worker=who[i], epoch=epoch, counter=number, promptTokens=20, outputTokens=8, outputHash=outputs[i],
                bodyHash=sha256(BODY.enc(body)))), "body": body})
        refusals = [signed("refusal", self.key(order[i]), dict(dispatchHash=at, worker=who[i], reason="queue-full", refusedAtMs=now + 20))
                    for i, r in enumerate(roles) if r == "refuses"]
        timeouts = [signed("timeout", self.gateway_key, dict(dispatchHash=at, worker=who[i], cause="no-seal", recordedAtMs=now + 30))
                    for i, r in enumerate(roles) if r == "times out"]
        evidence = dict(seals=seals, receipts=receipts, refusals=refusals, timeouts=timeouts)
        letters = list(answers.values())
        best = max(letters, key=lambda o: (letters.count(o), -letters.index(o)), default=None)
        agreed = best is not None and letters.count(best) >= 2
        outcome = signed("outcome", self.gateway_key, dict(
            dispatchHash=at, verdict="agreed" if agreed else "none", outputHash=output_hash(20, "stop", [ord(best)] * 8) if agreed else bytes(32),
            price=price(self.list_price, BUNDLED, 20, 8) if agreed else 0, evidenceHash=sha256(EVIDENCE.enc(evidence)), finishedAtMs=now + 1000))
        return dict(ticket=ticket, dispatch=dispatch, evidence=evidence, outcome=outcome)


MARKET = Market()
ENTRIES = [
    ("three agree", 1, 1150, "quorum", ["x", "x", "x"]),
    ("two agree and one dissents", 2, 1151, "stream", ["x", "y", "x"]),
    ("a split that a fourth decides after a refusal and a time-out", 3, 1152, "proof", ["x", "refuses", "y", "times out", "z", "y"]),
    ("nobody agrees", 4, 1153, "quorum", ["x", "y", "z", "w", "v", "u", "t", "s"]),
    ("everybody times out", 5, 1154, "quorum", ["times out"] * 8),
]


def entry_vectors() -> None:
    m = MARKET
    rows = []
    for name, number, slot, assurance, roles in ENTRIES:
        entry = m.entry(number, slot, assurance, roles)
        encoded = ENTRY.enc(entry)
        order = m.drawn(number, slot)
        won = entry["outcome"]["value"]["outputHash"]
        rows.append({"name": name, "epoch": str((slot - m.epoch_zero) // m.slots_per_epoch), "drawn": order,
                     "agreeing": [r["receipt"]["value"]["worker"].hex() for r in entry["evidence"]["receipts"] if r["receipt"]["value"]["outputHash"] == won],
                     "fields": ENTRY.js(entry), "encoded": encoded.hex(), "entryHash": sha256(encoded).hex(),
                     "evidenceHash": sha256(EVIDENCE.enc(entry["evidence"])).hex()})
    write("entry.json", {
        "rule": "E-01, E-02, E-10 to E-24, F-29",
        "context": {"domain": DOMAIN.hex(), "epochZeroSlot": str(m.epoch_zero), "slotsPerEpoch": str(m.slots_per_epoch), "gateway": m.gateway.hex(),
                    "gatewayIdentity": m.gateway_key.public.hex(), "commitment": m.chain[0].hex(), "chainLength": 64,
                    "slotHashes": {str(slot): m.slot_hash(slot).hex() for _, _, slot, _, _ in ENTRIES}, "candidates": vec(CANDIDATE).js(m.candidates),
                    "escrow": m.escrow.hex(), "modelId": m.model.hex(), "engineClass": m.engine.hex(), "activeParameters": str(BUNDLED),
                    "listPrice": str(m.list_price), "clockToleranceMs": str(m.tolerance)},
        "entries": rows,
    })


def manifest_vectors() -> None:
    m = MARKET
    entries = [(sha256(ENTRY.enc(m.entry(n, s, a, r))), m.entry(n, s, a, r)["outcome"]["value"]["price"]) for _, n, s, a, r in ENTRIES]
    group = dict(epoch=1, engineClass=m.engine, modelId=m.model, candidates=m.candidates)

    def case(name: str, body: dict) -> dict:
        epoch = body["epoch"]
        set_root = root([(sha256(b"\x00", DOMAIN, u64(epoch), e["entryHash"]), [e["price"]]) for e in body["entries"]], 1)
        group_root = root([group_leaf(g) for g in body["groups"]], 1)
        slot_root = root([(sha256(b"\x00", DOMAIN, u64(s["slot"]), s["slotHash"]), []) for s in body["slotHashes"]], 0)
        escrow_root = root([(sha256(b"\x00", DOMAIN, u64(epoch), e["escrow"], e["gateway"], u64(e["available"]), u64(e["cumulativeDebit"])),
                             [e["available"]]) for e in body["escrows"]], 1)
        header = header_bytes(11, u64(epoch), set_root[0], u32(len(body["entries"])), group_root[0], slot_root[0], escrow_root[0])
        return {"name": name, "fields": MANIFEST.js(body), "encoded": MANIFEST.enc(body).hex(),
                "roots": {"epoch": str(epoch), "receiptSetRoot": set_root[0].hex(), "entryCount": len(body["entries"]), "candidatesRoot": group_root[0].hex(),
                          "slotHashesRoot": slot_root[0].hex(), "escrowsRoot": escrow_root[0].hex()},
                "header": header.hex(), "manifestHash": sha256(header).hex()}

    full = dict(epoch=1, entries=[dict(entryHash=h, price=p) for h, p in sorted(entries)], groups=[group],
                slotHashes=[dict(slot=s, slotHash=m.slot_hash(s)) for _, _, s, _, _ in ENTRIES],
                escrows=sorted([dict(escrow=m.escrow, gateway=m.gateway, available=10**9, cumulativeDebit=3_444),
                                dict(escrow=label("market escrow 2"), gateway=m.gateway, available=0, cumulativeDebit=0)], key=lambda e: e["escrow"]))
    empty = dict(epoch=0, entries=[], groups=[], slotHashes=[], escrows=[])
    one = {**full, "entries": full["entries"][:1], "slotHashes": full["slotHashes"][:1], "escrows": full["escrows"][:1]}

    write("manifest.json", {"rule": "E-31, E-32, A-07, A-09, M-02, P-12", "domain": DOMAIN.hex(),
                            "cases": [case("an empty epoch", empty), case("one entry", one), case("five entries, two escrows", full)]})


# ----------------------------------------------------------------------------------------------------------- tally.json

AUDITORS = [dict(participant=label(f"market validator {i}"), index=20 + i, stake=stake) for i, stake in enumerate((1, 1, 20))]
SHARES = dict(workerShareBps=8000, feeShareBps=500, auditShareBps=500, gatewayShareBps=500, kappaMicroKarmaPerLamport=1100, validationCapMicroKarma=1_000_000)
POLICY = dict(latencyBaseMs=500, latencyPerTokenMs=50, auditRateStream=0, auditRateQuorum=0, auditRateProof=10_000, validationKarmaPerVerdict=10_000)


class Tally:
    """V-20: what an epoch's tally comes to."""

    def __init__(self, epoch: int, chain: dict, offchain: dict, prior: dict, fresh: list[dict], carried: list[dict], escrows: list[dict],
                 beacon: bytes, verdicts: list[dict]) -> None:
        self.epoch, self.chain, self.offchain, self.beacon, self.verdicts = epoch, chain, offchain, beacon, verdicts
        self.credits: dict[bytes, list[dict]] = {}
        self.decisions, self.carried, counted = {}, [], []
        first_drawn = {row["entryHash"]: row for row in prior["carried"]}
        debits = {row["escrow"]: row["cumulativeDebit"] for row in prior["escrowDebits"]}
        budgets, spent = {}, {}
        for row in escrows:
            decided = debits.get(row["escrow"], 0)
            budgets[row["escrow"]] = max(0, row["available"] - max(0, decided - row["cumulativeDebit"]))
            debits[row["escrow"]] = max(decided, row["cumulativeDebit"])
        ordered = sorted([(e, False) for e in fresh] + [(e, True) for e in carried], key=lambda row: self.place(row[0]))
        for entry, is_carried in ordered:
            entry_hash = sha256(ENTRY.enc(entry))
            first = first_drawn.get(entry_hash, dict(entryHash=entry_hash, drawnEpoch=epoch, beacon=beacon))
            decision, words = self.audit(entry, entry_hash, is_carried, first["beacon"])
            counted += words
            escrow, cost = entry["ticket"]["value"]["escrow"], entry["outcome"]["value"]["price"]
            if is_carried and escrow not in budgets:
                decision = "carried"
            self.decisions[entry_hash] = decision
            if decision == "carried":
                self.carried.append(first)
            agreeing = self.agreeing(entry)
            if decision in ("carried", "failed") or not agreeing or cost > budgets.get(escrow, 0):
                continue
            budgets[escrow] -= cost
            spent[escrow] = spent.get(escrow, 0) + cost
            self.pay(entry, entry_hash, agreeing, cost)
        self.carried.sort(key=lambda row: row["entryHash"])
        self.settlements = [dict(escrow=e, cumulativeAfter=debits.get(e, 0) + d, debit=d) for e, d in sorted(spent.items()) if d > 0]
        for row in self.settlements:
            debits[row["escrow"]] = row["cumulativeAfter"]
        known = {row["escrow"] for row in prior["escrowDebits"]} | {row["escrow"] for row in self.settlements}
        self.escrow_debits = [dict(escrow=e, cumulativeDebit=debits[e]) for e in sorted(known)]
        self.pay_auditors(counted, sum(row["debit"] for row in self.settlements))
        for rows in self.credits.values():
            rows.sort(key=lambda c: (c["entryHash"], c["receiptHash"]))
        self.lifetimes = self.grown(prior["lifetimes"])

    @staticmethod
    def place(entry: dict) -> tuple:
        return (entry["ticket"]["value"]["gateway"], (entry["dispatch"]["value"]["slot"] - Market.epoch_zero) // Market.slots_per_epoch,
                entry["dispatch"]["value"]["dispatchNumber"])

    @staticmethod
    def agreeing(entry: dict) -> list[dict]:
        won = entry["outcome"]["value"]
        return [r for r in entry["evidence"]["receipts"] if won["verdict"] == "agreed" and r["receipt"]["value"]["outputHash"] == won["outputHash"]]

    def credit(self, participant: bytes, entry_hash: bytes, record: bytes, karma: list[int], owed: int) -> None:
        """T-04: a credit of nothing is left out."""
        if owed > 0 or any(karma):
            self.credits.setdefault(participant, []).append(dict(entryHash=entry_hash, receiptHash=record, karma=karma, owed=owed))

    def audit(self, entry: dict, entry_hash: bytes, is_carried: bool, first_beacon: bytes) -> tuple[str, list[dict]]:
        """U-01, U-02, U-07: the decision, and the verdicts that it needed."""
        agreeing, evidence = self.agreeing(entry), entry["evidence"]
        first8 = lambda *parts: int.from_bytes(sha256(*parts)[:8], "little")
        asked = len(evidence["receipts"]) + len(evidence["refusals"]) + len(evidence["timeouts"])
        rate = min(10_000, self.offchain["auditRate" + entry["dispatch"]["value"]["assurance"].capitalize()] * 2 ** max(0, asked - 3))
        if not agreeing or not (is_carried or first8(b"karmesh:audit:answer", self.beacon, entry_hash) % 10_000 < rate):
            return "not-drawn", []
        chosen = agreeing[first8(b"karmesh:audit:receipt", first_beacon, entry_hash) % len(agreeing)]
        receipt_hash = record_hash("receipt", chosen["receipt"]["value"])
        places, _ = draw(sha256(b"karmesh:audit:auditor", self.beacon, entry_hash), [a["stake"] for a in AUDITORS], 2)

        def word(attempt: int) -> dict | None:
            said = [v for v in self.verdicts if (v["epoch"], v["attempt"], v["entryHash"], v["receiptHash"], v["validator"])
                    == (self.epoch, attempt, entry_hash, receipt_hash, AUDITORS[places[attempt]]["participant"])]
            return min(said, key=lambda v: (v["verdict"] != "fail", record_hash("verdict", v)), default=None)

        first, second = word(0), word(1)
        if first is None:
            return "carried", []
        if first["verdict"] == "pass":
            return "passed", [first]
        if second is None:
            return "carried", [first]
        return ("failed" if second["verdict"] == "fail" else "passed"), [first, second]

    def pay(self, entry: dict, entry_hash: bytes, agreeing: list[dict], cost: int) -> None:
        """K-02 to K-04, K-07, M-04, M-05."""
        dispatch, raw = entry["dispatch"]["value"], []
        for answer in agreeing:
            receipt, body = answer["receipt"]["value"], answer["body"]
            arrived = next(s["arrivedAtMs"] for s in entry["evidence"]["seals"] if s["seal"]["value"]["worker"] == receipt["worker"])
            elapsed = max(arrived - dispatch["dispatchedAtMs"], body["finishedAtMs"] - body["receivedAtMs"])
            target = self.offchain["latencyBaseMs"] + self.offchain["latencyPerTokenMs"] * receipt["outputTokens"]
            karma = latency_adjusted(inference_karma(BUNDLED, receipt["promptTokens"], receipt["outputTokens"]), elapsed, target)
            raw.append((karma, 0 if dispatch["assurance"] == "stream" else karma // 2))
        total = sum(a + b for a, b in raw)
        cap = self.chain["kappaMicroKarmaPerLamport"] * (cost * self.chain["feeShareBps"] // 10_000)
        capped = lambda karma: karma if total <= cap else karma * cap // total
        owed = cost * self.chain["workerShareBps"] // 10_000 // len(agreeing)
        for answer, (inference, redundancy) in zip(agreeing, raw, strict=True):
            receipt = answer["receipt"]["value"]
            self.credit(receipt["worker"], entry_hash, record_hash("receipt", receipt), [capped(inference), 0, 0, capped(redundancy), 0], owed)
        outcome = entry["outcome"]["value"]
        self.credit(entry["ticket"]["value"]["gateway"], entry_hash, record_hash("outcome", outcome), [0] * 5,
                    cost * self.chain["gatewayShareBps"] // 10_000)

    def pay_auditors(self, counted: list[dict], settled: int) -> None:
        """K-05, M-06."""
        left: dict[bytes, int] = {}
        for verdict in sorted(counted, key=lambda v: (v["entryHash"], v["attempt"])):
            room = left.get(verdict["validator"], self.chain["validationCapMicroKarma"])
            karma = min(room, self.offchain["validationKarmaPerVerdict"])
            left[verdict["validator"]] = room - karma
            self.credit(verdict["validator"], verdict["entryHash"], record_hash("verdict", verdict), [0, 0, 0, 0, karma],
                        settled * self.chain["auditShareBps"] // 10_000 // len(counted))

    def grown(self, before: list[dict]) -> list[dict]:
        """T-01, T-04."""
        places = {c["participant"]: c["index"] for c in [*MARKET.candidates, *AUDITORS]} | {MARKET.gateway: 30}
        rows = {row["participant"]: row for row in before}
        for participant, credits in self.credits.items():
            row = rows.get(participant, dict(index=places[participant], participant=participant, karma=[0] * 5, owed=0))
            rows[participant] = {**row, "karma": [a + sum(c["karma"][i] for c in credits) for i, a in enumerate(row["karma"])],
                                 "owed": row["owed"] + sum(c["owed"] for c in credits)}
        return sorted(rows.values(), key=lambda row: row["index"])


LIFETIME = struct(index=U32, participant=B32, karma=array(U64, 5), owed=U64)
CREDIT = struct(entryHash=B32, receiptHash=B32, karma=array(U64, 5), owed=U64)
CARRIED = struct(entryHash=B32, drawnEpoch=U64, beacon=B32)
DEBIT = struct(escrow=B32, cumulativeDebit=U64)


def tally_vectors() -> None:
    m = MARKET
    entries = {name: m.entry(n, s, a, r) for name, n, s, a, r in ENTRIES}
    hash_of = lambda name: sha256(ENTRY.enc(entries[name]))
    three, two, proof = (ENTRIES[i][0] for i in (0, 1, 2))
    everything = [name for name, *_ in ENTRIES]
    nothing = dict(lifetimes=[], escrowDebits=[], carried=[])

    def said(name: str, words: list[str], epoch: int = 1, beacon: bytes = label("beacon"), first: bytes | None = None) -> list[dict]:
        """What the drawn auditors say of an entry, the first one first."""
        places, _ = draw(sha256(b"karmesh:audit:auditor", beacon, hash_of(name)), [a["stake"] for a in AUDITORS], 2)
        agreeing = Tally.agreeing(entries[name])
        chosen = agreeing[int.from_bytes(sha256(b"karmesh:audit:receipt", first or beacon, hash_of(name))[:8], "little") % len(agreeing)]
        return [dict(epoch=epoch, entryHash=hash_of(name), receiptHash=record_hash("receipt", chosen["receipt"]["value"]),
                     validator=AUDITORS[places[attempt]]["participant"], attempt=attempt, verdict=word, rule=0 if word == "pass" else 20,
                     measurementsHash=label(f"measurements {name} {attempt}")) for attempt, word in enumerate(words)]

    def case(name: str, verdicts: list[dict], *, epoch: int = 1, chain: dict = {}, offchain: dict = {}, prior: dict = nothing, fresh: list[str] = everything,
             carried: list[str] = [], available: int = 10**9, debited: int = 0, beacon: bytes = label("beacon")) -> dict:
        rules, policy = {**SHARES, **chain}, {**POLICY, **offchain}
        escrows = [dict(escrow=m.escrow, available=available, cumulativeDebit=debited)]
        t = Tally(epoch, rules, policy, prior, [entries[n] for n in fresh], [entries[n] for n in carried], escrows, beacon, verdicts)
        return {
            "name": name, "epoch": str(epoch), "chain": {k: str(v) for k, v in rules.items()}, "offchain": {k: str(v) for k, v in policy.items()},
            "prior": {"lifetimes": vec(LIFETIME).js(prior["lifetimes"]), "escrowDebits": vec(DEBIT).js(prior["escrowDebits"]),
                      "carried": vec(CARRIED).js(prior["carried"])},
            "entries": fresh, "carried": carried, "beacon": beacon.hex(), "verdicts": vec(RECORDS["verdict"][2]).js(verdicts),
            "escrows": [{"escrow": m.escrow.hex(), "available": str(available), "cumulativeDebit": str(debited)}],
            "result": {
                "decisions": {n: t.decisions[hash_of(n)] for n in [*fresh, *carried]},
                "credits": {p.hex(): vec(CREDIT).js(rows) for p, rows in sorted(t.credits.items())},
                "lifetimes": vec(LIFETIME).js(t.lifetimes),
                "settlements": [{"escrow": r["escrow"].hex(), "cumulativeAfter": str(r["cumulativeAfter"]), "debit": str(r["debit"])} for r in t.settlements],
                "escrowDebits": vec(DEBIT).js(t.escrow_debits),
                "carried": vec(CARRIED).js(t.carried),
            },
        }

    always = dict(auditRateStream=10_000, auditRateQuorum=10_000)
    every = [v for name in (three, two, proof) for v in said(name, ["pass"])]
    prior = dict(lifetimes=[dict(index=2, participant=m.candidates[1]["participant"], karma=[1, 2, 3, 4, 5], owed=6),
                            dict(index=20, participant=AUDITORS[0]["participant"], karma=[0, 0, 0, 0, 7], owed=8)],
                 escrowDebits=[dict(escrow=m.escrow, cumulativeDebit=3_444)],
                 carried=[dict(entryHash=hash_of(proof), drawnEpoch=1, beacon=label("beacon"))])
    later = dict(epoch=2, beacon=label("beacon 2"))
    write("tally.json", {
        "rule": "V-20, U-07, K-02 to K-05, K-07, M-03 to M-06, T-01, T-04",
        "validators": [dict(participant=a["participant"].hex(), index=a["index"], stake=str(a["stake"])) for a in AUDITORS],
        "gateway": {"participant": m.gateway.hex(), "index": 30},
        "cases": [
            case("nothing at all", [], fresh=[]),
            case("the proof passes", said(proof, ["pass"])),
            case("the proof waits for a verdict", []),
            case("the proof fails, and only its auditors earn by it", said(proof, ["fail", "fail"])),
            case("the second auditor passes what the first one failed", said(proof, ["fail", "pass"])),
            case("a failing word alone is counted and carries", said(proof, ["fail"])),
            case("all are audited, and the cap cuts the last verdict", every, offchain=always, chain=dict(validationCapMicroKarma=15_000)),
            case("no more validation karma, only lamports", every, offchain=always, chain=dict(validationCapMicroKarma=0)),
            case("karma is capped by the fee", said(proof, ["pass"]), chain=dict(kappaMicroKarmaPerLamport=500)),
            case("shares of nothing earn nothing", said(proof, ["pass"]),
                 chain=dict(workerShareBps=0, gatewayShareBps=0, auditShareBps=0, kappaMicroKarmaPerLamport=0, validationCapMicroKarma=0)),
            case("the escrow pays one entry", said(proof, ["pass"]), available=5_000),
            case("a carried proof passes an epoch later, over lifetimes that were", said(proof, ["pass"], first=label("beacon"), **later), prior=prior,
                 fresh=[], carried=[proof], debited=1_000, **later),
        ],
    })


# ---------------------------------------------------------------------------------------------------------- frames.json

def frames_vectors() -> None:
    m = MARKET
    entry = m.entry(1, 1150, "quorum", ["x", "x", "x"])
    request = dict(modelId=m.model, assurance="quorum", maxTokens=8, temperatureMicro=0, stops=["."],
                   messages=[dict(role="user", content="Hi")], blinding=label("blinding"))
    seal = entry["evidence"]["seals"][0]["seal"]
    refusal = m.entry(3, 1152, "proof", ENTRIES[2][4])["evidence"]["refusals"][0]
    dispatch_hash = record_hash("dispatch", entry["dispatch"]["value"])
    worker_key = m.key(m.drawn(1, 1150)[0])
    usage = signed("usage", worker_key, dict(dispatchHash=dispatch_hash, worker=seal["value"]["worker"], sequence=0, promptTokens=20, outputTokens=2,
                                             outputChain=usage_chain(entry["ticket"]["value"]["requestId"], [120, 120])))
    infer = [
        ("dispatch", 1, struct(ticket=signed_layout("ticket"), dispatch=signed_layout("dispatch"), request=REQUEST),
         dict(ticket=entry["ticket"], dispatch=entry["dispatch"], request=request)),
        ("seals", 2, struct(seals=vec(signed_layout("seal"))), dict(seals=[s["seal"] for s in entry["evidence"]["seals"]])),
        ("cancel", 3, struct(), {}),
        ("accepted", 4, struct(), {}),
        ("refused", 5, struct(refusal=signed_layout("refusal"), retryAfterMs=U32), dict(refusal=refusal, retryAfterMs=1500)),
        ("chunk", 6, struct(tokens=TOKENS, text=TEXT, usage=signed_layout("usage")), dict(tokens=[120, 120], text="x\u00e9", usage=usage)),
        ("sealed", 7, struct(seal=signed_layout("seal")), dict(seal=seal)),
        ("reveal", 8, struct(revealed=REVEALED, tokens=TOKENS, text=TEXT), dict(revealed=entry["evidence"]["receipts"][0], tokens=[120] * 8, text="xxxxxxxx")),
        ("failed", 9, struct(cause=one_of("engine-failed", "shutting-down", "too-slow", "protocol-violation")), dict(cause="too-slow")),
        ("halt", 10, struct(outputTokens=U32), dict(outputTokens=2)),
        ("halted", 11, struct(seal=signed_layout("seal")), dict(seal=seal)),
    ]
    verdict = signed("verdict", Key("validator"), dict(epoch=1, entryHash=sha256(ENTRY.enc(entry)), receiptHash=label("receipt"), validator=label("validator"),
                                                       attempt=0, verdict="fail", rule=20, measurementsHash=label("measurements")))
    ask = struct(epoch=U64, validator=B32, attempt=U8, source=one_of("set", "carried"), treeEpoch=U64, drawnEpoch=U64, drawnBeacon=B32, index=U32, count=U32, setPath=sum_path(1),
                 carriedPath=sum_path(0), entry=ENTRY, verdicts=vec(signed_layout("verdict")))
    audit = [
        ("ask", 1, ask, dict(epoch=1, validator=label("validator"), attempt=1, source="set", treeEpoch=1, drawnEpoch=1, drawnBeacon=label("beacon"), index=2, count=4,
                             setPath=[dict(hash=label("path 0"), sums=[3_444]), dict(hash=label("path 1"), sums=[0])], carriedPath=[], entry=entry, verdicts=[verdict])),
        ("ask", 1, ask, dict(epoch=2, validator=label("validator"), attempt=0, source="carried", treeEpoch=1, drawnEpoch=0, drawnBeacon=label("beacon"), index=0, count=2,
                             setPath=[], carriedPath=[dict(hash=label("path 0"), sums=[])], entry=entry, verdicts=[])),
        ("open", 2, struct(request=REQUEST, tokens=TOKENS, salt=B24, receiptHash=B32, challenge=BYTES),
         dict(request=request, tokens=[120] * 8, salt=label("salt")[:24], receiptHash=label("receipt"), challenge=b"proofs")),
        ("refuse", 3, struct(reason=one_of("not-drawn", "unknown-receipt", "unknown-epoch", "busy", "proving")), dict(reason="busy")),
    ]
    rows = lambda frames: [{"frame": {"type": name, **layout.js(value)}, "encoded": (u8(kind) + layout.enc(value)).hex()} for name, kind, layout, value in frames]
    write("frames.json", {"rule": "W-04, U-10, U-11, U-12", "infer": rows(infer), "audit": rows(audit)})


# -------------------------------------------------------------------------------------------------------- evidence.json

def evidence_vectors() -> None:
    """P-41, P-42, P-44, P-52: what evidence is committed to by, and what offences are named by."""
    finder, salt = label("finder"), label("finding salt")
    commitments = [{"evidence": evidence.hex(), "finder": finder.hex(), "salt": salt.hex(),
                    "commitment": sha256(header_bytes(23, finder, sha256(evidence), salt)).hex()} for evidence in (b"", bytes(range(200)))]
    one = {
        "receipt": dict(dispatchHash=label("dispatch"), worker=label("worker"), epoch=7, counter=3, promptTokens=20, outputTokens=8,
                        outputHash=label("output"), bodyHash=label("body")),
        "verdict": dict(epoch=7, entryHash=label("entry"), receiptHash=label("receipt"), validator=label("validator"), attempt=1, verdict="fail", rule=21,
                        measurementsHash=label("measurements")),
        "ticket": dict(requestId=label("request"), gateway=label("gateway"), ticketNumber=77, lane=0, priceCap=10, unitPrice=3, escrow=label("escrow"), issuedAtMs=1),
        "batch": dict(producer=label("gateway"), sequence=9, epoch=7, merkleRoot=label("merkle"), bodyHash=label("batch body"), count=4, issuedAtMs=2),
    }
    names = {"receipt": ("worker", "epoch", "counter"), "verdict": ("epoch", "entryHash", "validator", "attempt"), "ticket": ("gateway", "ticketNumber"),
             "batch": ("producer", "sequence")}
    plain = lambda value, field: value if isinstance(value, bytes) else u8(value) if field == "attempt" else u64(value)
    double_signs = []
    for name, value in one.items():
        kind, _, layout = RECORDS[name]
        key = sha256(b"karmesh:offence", u8(1), u8(kind), *(plain(value[field], field) for field in names[name]))
        double_signs.append({"name": name, "kind": kind, "fields": layout.js(value), "encoded": layout.enc(value).hex(), "offenceKey": key.hex()})
    planted, receipt_layout, verdict_layout = label("planted"), RECORDS["receipt"][2], RECORDS["verdict"][2]
    receipt = {**one["receipt"], "outputHash": sha256(header_bytes(24, planted))}
    verdict = {**one["verdict"], "receiptHash": record_hash("receipt", receipt), "verdict": "pass", "rule": 0}
    lazy_verdict = {
        "secret": planted.hex(),
        "receipt": {"fields": receipt_layout.js(receipt), "encoded": receipt_layout.enc(receipt).hex()},
        "verdict": {"fields": verdict_layout.js(verdict), "encoded": verdict_layout.enc(verdict).hex(), "hash": record_hash("verdict", verdict).hex()},
        "evidence": (u8(12) + verdict_layout.enc(verdict) + receipt_layout.enc(receipt) + planted).hex(),
        "offenceKey": sha256(b"karmesh:offence", u8(3), u64(7), verdict["entryHash"], u8(verdict["attempt"])).hex(),
    }
    write("evidence.json", {
        "rule": "P-41, P-42, P-44, P-47, P-50, P-52",
        "domain": DOMAIN.hex(),
        "commitments": commitments,
        "doubleSigns": double_signs,
        "falseVote": {"epoch": "7", "offenceKey": sha256(b"karmesh:offence", u8(2), u64(7)).hex()},
        "lazyVerdict": lazy_verdict,
        "silence": {"epoch": "7", "offenceKey": sha256(b"karmesh:offence", u8(4), u64(7)).hex()},
    })


# ------------------------------------------------------------------------------------------------------------ log.json

def log_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00", leaves[0])
    k = split_of(len(leaves))
    return sha256(b"\x01", log_root(leaves[:k]), log_root(leaves[k:]))


def split_of(n: int) -> int:
    """The greatest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def log_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split_of(len(leaves))
    if m < k:
        return log_path(m, leaves[:k]) + [log_root(leaves[k:])]
    return log_path(m - k, leaves[k:]) + [log_root(leaves[:k])]


def log_subproof(m: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2."""
    if m == len(leaves):
        return [] if complete else [log_root(leaves)]
    k = split_of(len(leaves))
    if m <= k:
        return log_subproof(m, leaves[:k], complete) + [log_root(leaves[k:])]
    return log_subproof(m - k, leaves[k:], False) + [log_root(leaves[:k])]


# The leaves and roots by which implementations of RFC 6962 have been compared since the first ones of Certificate Transparency.
KNOWN_LEAVES = [bytes.fromhex(x) for x in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def note_key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode(), b"\n", bytes([kind]), public)[:4]


def note_line(name: str, raw: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def log_vectors() -> None:
    known = [log_root(KNOWN_LEAVES[:n]).hex() for n in range(9)]
    assert known == KNOWN_ROOTS
    counted = [u32(i) for i in range(130)]
    proofs = {
        "leaves": [leaf.hex() for leaf in KNOWN_LEAVES],
        "roots": known,
        "inclusion": [
            {"index": m, "size": n, "path": [h.hex() for h in log_path(m, KNOWN_LEAVES[:n])]}
            for n in range(1, 9) for m in range(n)],
        "consistency": [
            {"oldSize": m, "size": n, "path": [h.hex() for h in log_subproof(m, KNOWN_LEAVES[:n], True)]}
            for n in range(1, 9) for m in range(1, n + 1)],
    }
    # Leaf i of these is u32(i). Each is the hash of all roots, or of all proofs of one size, one after another.
    digests = {
        "roots": sha256(*[log_root(counted[:n]) for n in range(131)]).hex(),
        "inclusion": {str(n): sha256(*[h for m in range(n) for h in log_path(m, counted[:n])]).hex() for n in (37, 64, 130)},
        "consistency": {
            str(n): sha256(*[h for m in range(1, n + 1) for h in log_subproof(m, counted[:n], True)]).hex()
            for n in (37, 64, 130)},
    }
    gateway, validator = Key("gateway"), Key("validator")
    address, witness = label("gateway account"), label("validator account")
    origin = f"karmesh.log/{DOMAIN.hex()}/{address.hex()}"
    text = f"{origin}\n8\n{base64.b64encode(bytes.fromhex(KNOWN_ROOTS[8])).decode()}\n"
    name = f"karmesh.cosigner/{witness.hex()}"
    seconds = 1_700_000_000
    signed = text + "\n" + note_line(origin, note_key_id(origin, 1, gateway.public) + gateway.sign(text.encode()))
    cosigned = validator.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    line = note_line(name, note_key_id(name, 4, validator.public) + seconds.to_bytes(8, "big") + cosigned)
    secret, account = label("log secret"), b"account 7"
    blind = sha256(b"karmesh:log-blind", secret, account)
    tag = sha256(b"karmesh:log-account", blind, account)
    ticket = label("ticket")
    reasons = ("finished", "failed", "cancelled", "refused")
    events = [
        ({"kind": "opened", "capacity": 4, "size": "0", "root": KNOWN_ROOTS[0], "atMs": "1700000000000"},
         u8(1) + u32(4) + u64(0) + bytes.fromhex(KNOWN_ROOTS[0]) + u64(1_700_000_000_000)),
        ({"kind": "enter", "ticketHash": ticket.hex(), "ticketNumber": "9", "lane": 5, "accountTag": tag.hex(), "atMs": "1700000000001"},
         u8(2) + ticket + u64(9) + u8(5) + tag + u64(1_700_000_000_001)),
        ({"kind": "start", "ticketHash": ticket.hex(), "ticketNumber": "9", "atMs": "1700000000002"},
         u8(3) + ticket + u64(9) + u64(1_700_000_000_002)),
        *[({"kind": "leave", "ticketNumber": "9", "reason": reason, "atMs": "1700000000003"},
           u8(4) + u64(9) + u8(reasons.index(reason) + 1) + u64(1_700_000_000_003)) for reason in reasons],
        ({"kind": "base-fee", "thousandths": 1250, "atMs": "1700000000004"}, u8(5) + u32(1250) + u64(1_700_000_000_004)),
    ]
    write("log.json", {
        "rule": "G-01 to G-11",
        "known": proofs,
        "counted": digests,
        "checkpoint": {
            "domain": DOMAIN.hex(),
            "gateway": address.hex(),
            "identity": gateway.public.hex(),
            "seed": gateway.seed.hex(),
            "origin": origin,
            "size": 8,
            "root": KNOWN_ROOTS[8],
            "note": signed,
        },
        "cosignature": {
            "validator": witness.hex(),
            "identity": validator.public.hex(),
            "seed": validator.seed.hex(),
            "name": name,
            "seconds": str(seconds),
            "note": signed + line,
        },
        "accounts": [{"secret": secret.hex(), "account": account.hex(), "blind": blind.hex(), "tag": tag.hex()}],
        "events": [{"event": event, "encoded": encoded.hex()} for event, encoded in events],
    })


def main() -> None:
    karma_vectors()
    merkle_vectors()
    hashes_vectors()
    report_vectors()
    signature_vectors()
    records_vectors()
    lanes_vectors()
    request_vectors()
    assignment_vectors()
    quorum_vectors()
    audit_vectors()
    entry_vectors()
    manifest_vectors()
    tally_vectors()
    frames_vectors()
    evidence_vectors()
    log_vectors()


if __name__ == "__main__":
    main()
