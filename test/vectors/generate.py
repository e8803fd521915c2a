"""Writes the vectors that pin the protocol's bytes: `python3 test/vectors/generate.py`.

This is an independent implementation of docs/protocol.md in Python 3 without packages. It shares no code with what it checks
(sdk/src/protocol in TypeScript, programs/karma in Rust), so that a mistake in one of them shows. The tests read the JSON files
beside it and need no Python. Conventions of the files: u64 as decimal strings, smaller integers as numbers, bytes as lower-case
hexadecimal, absent as null; `rule` names the rules that a table pins.
"""

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
    """floor(2^32 x 2^(-2^-k)), exactly: the 2^k-th root of 2^(32 x 2^k - 1) by k integer square roots."""
    value = 1 << (32 * 2**k - 1)
    for _ in range(k):
        value = isqrt(value)
    return value


FACTORS = [halving_factor(k) for k in range(1, 17)]


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
    fraction = (elapsed % half_life) * 65536 // half_life
    for place in range(16):
        if fraction & (1 << (15 - place)):
            out = out * FACTORS[place] >> 32
    return out


def price(list_price: int, active: int, prompt: int, output: int) -> int:
    return -(-(list_price * active * (prompt + 8 * output)) // 8_000_000_000)


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
            {"listPrice": str(lp), "activeParameters": str(a), "promptTokens": p, "outputTokens": o, "lamports": str(price(lp, a, p, o))}
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
    return tree(leaves, counters)[-1][0]


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
        false_path("an inner node as a leaf of a smaller tree", inner, 0, 4, path_of(levels, 0)[1:], top),
        false_path("a sibling sum one too great", five[2], 2, 5, bumped(path_of(levels, 2)), top),
        false_path("a root sum one too great", five[2], 2, 5, path_of(levels, 2), (top[0], [top[1][0] + 1, *top[1][1:]])),
        false_path("a sum that leaves 64 bits", five[2], 2, 5, [overflowing, *path_of(levels, 2)[1:]], top),
        false_path("a sibling with five counters", five[2], 2, 5,
                   [(path_of(levels, 2)[0][0], path_of(levels, 2)[0][1][:5]), *path_of(levels, 2)[1:]], top),
    ]
    write("merkle.json", {
        "rule": "T-02",
        "trees": [
            {"name": name, "counters": counters, "height": height_of(len(leaves)), "leaves": [node_json(n) for n in leaves],
             "root": node_json(root(leaves, counters)),
             "paths": [[node_json(n) for n in path_of(tree(leaves, counters), i)] for i in range(len(leaves))]}
            for name, counters, leaves in trees],
        "noLeaf": [{"counters": c, "root": node_json((bytes(32), [0] * c))} for c in (0, 1, 6)],
        "overflows": overflows,
        "falsePaths": false_paths,
    })


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


def carried_leaf(epoch: int, entry: bytes) -> Node:
    return sha256(b"\x00", DOMAIN, u64(epoch), entry), []


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
    write("hashes.json", {
        "rule": "F-01, P-12, P-14, P-15, P-17, P-04, T-01, T-04, T-05, P-19, E-32, A-09",
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
        "carriedLeaf": {"rule": "T-05", "epoch": str(epoch), "entryHash": entry.hex(), "hash": carried_leaf(epoch, entry)[0].hex(), "sums": []},
        "entryLeaf": {"rule": "E-32", "epoch": str(epoch), "entryHash": entry.hex(), "price": "3444",
                      "hash": sha256(b"\x00", DOMAIN, u64(epoch), entry).hex(), "sums": ["3444"]},
        "slotHashLeaf": {"rule": "A-09", "slot": "1234567", "slotHash": slot_hash.hex(),
                         "hash": sha256(b"\x00", DOMAIN, u64(1_234_567), slot_hash).hex(), "sums": []},
    })


def report_vectors() -> None:
    def case(name: str, epoch: int, verdicts: bytes, lifetimes: list[tuple[int, bytes, list[int], int, bytes]],
             settlements: list[tuple[bytes, int, int]], carried: list[bytes], prior: bytes) -> dict:
        width = max((row[0] for row in lifetimes), default=-1) + 1
        leaves: list[Node | None] = [None] * width
        for index, participant, karma, owed, receipts in lifetimes:
            leaves[index] = lifetime_leaf(epoch, participant, karma, owed, receipts)
        root_node = root(leaves, 6) if leaves else (bytes(32), [0] * 6)
        settle = [settlement_leaf(epoch, *row) for row in settlements]
        settled = root(settle, 1) if settle else (bytes(32), [0])
        carry = root([carried_leaf(epoch, e) for e in carried], 0)[0] if carried else bytes(32)
        body = b"".join([root_node[0], *[u64(s) for s in root_node[1]], u32(width), settled[0], u64(settled[1][0]), u32(len(settle)),
                         carry, u32(len(carried)), prior])
        assert len(body) == 196
        return {
            "name": name, "epoch": str(epoch), "verdictsRoot": verdicts.hex(),
            "lifetimes": [{"index": i, "participant": p.hex(), "karma": [str(v) for v in k], "owed": str(o), "receiptsRoot": r.hex()}
                          for i, p, k, o, r in lifetimes],
            "settlements": [{"escrow": e.hex(), "cumulativeAfter": str(c), "debit": str(d)} for e, c, d in settlements],
            "carried": [e.hex() for e in carried],
            "report": {"root": root_node[0].hex(), "totals": [str(s) for s in root_node[1]], "participantCount": width,
                       "settlementsRoot": settled[0].hex(), "settlementsTotal": str(settled[1][0]), "escrowCount": len(settle),
                       "carriedRoot": carry.hex(), "carriedCount": len(carried), "priorRoot": prior.hex()},
            "encoded": body.hex(),
            "bodyHash": sha256(body).hex(),
            "reportHash": sha256(header_bytes(13, u64(epoch), verdicts, sha256(body))).hex(),
        }

    workers = [(i, label(f"worker {i}"), [34_430 + i, 0, 0, 17_215, 0], 918 + i, label(f"receipts root {i}")) for i in (0, 1, 3)]
    validator = (5, label("validator 5"), [0, 0, 0, 0, 250_000], 0, bytes(32))
    write("report.json", {
        "rule": "P-18, T-01, T-02, T-03, T-05",
        "domain": DOMAIN.hex(),
        "cases": [
            case("nothing happened", 0, bytes(32), [], [], [], bytes(32)),
            case("one worker, one escrow", 1, label("verdicts"), workers[:1], [(label("escrow a"), 3_444, 3_444)], [], bytes(32)),
            case("three workers and a validator with gaps, two escrows, two carried", 2, label("verdicts 2"), [*workers, validator],
                 [(label("escrow a"), 6_888, 3_444), (label("escrow b"), 1, 1)], sorted([label("entry a"), label("entry b")]), label("prior root")),
        ],
    })


def main() -> None:
    karma_vectors()
    merkle_vectors()
    hashes_vectors()
    report_vectors()


if __name__ == "__main__":
    main()
