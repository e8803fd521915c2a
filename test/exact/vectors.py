"""The values of test/vectors/exact.json. Conventions as in test/vectors/generate.py."""

import hashlib
from dataclasses import asdict
from fractions import Fraction
from math import isqrt
from pathlib import Path

from choice import choose, gumbel, noise
from convert import LN_2, LOG2_E, ONE, Grouped, Model, convert, frequencies, grouped, linear
from converted import decode, encode, little_endian
from draw import Draw
from floats import FORMS, float_bits
from forward import Forward
from gguf import Tensor, read_gguf
from operators import cos_sin, exp2, gated
from trace import BLOCKS, OPERATORS, trace_root

ROOT = Path(__file__).parent.parent.parent

# Tokens, how many of them are the prompt, and the choice that is made at the prompt's last position and behind it.
# The first two are a question to the bundled model and an answer of it, the third is nothing that it would say.
RUNS = [
    ([1, 3, 278, 203, 307, 292, 268, 461, 324, 848, 35, 4], 12, 0),
    ([1, 313, 461, 324, 848, 292, 966, 18, 4], 4, 800_000),
    ([17, 23, 0, 64, 99, 5, 5], 2, 2_000_000),
]
QWEN2_RUNS = [([17, 23, 0, 64, 99, 5, 5, 98], 3, 800_000)]

# File, whether the wide variant is asked for, runs.
MODELS = [
    ("node/models/tiny-q8_0.gguf", False, RUNS),
    ("node/models/tiny-q8_0.gguf", True, RUNS),
    ("test/models/tiny-f16.gguf", False, RUNS[:1]),
    ("test/models/random-qwen2.gguf", False, QWEN2_RUNS),
]


def digest(tensor: list[int]) -> str:
    return hashlib.sha256(little_endian("i", tensor)).hexdigest()


def request_id(index: int) -> bytes:
    return hashlib.sha256(b"karmesh test vector: exact run %d" % index).digest()


def run_vectors(model: Model, index: int, run: tuple, positions: int | None) -> dict:
    tokens, prompt, temperature = run
    tokens = tokens[:positions]
    forward = Forward(model)
    steps = [forward.step(token) for token in tokens]
    identity, narrow, layers = request_id(index), model.variant.code == 0, len(model.layers)
    return {
        "tokens": tokens,
        "prompt": prompt,
        "logits": [digest(step[-1]) for step in steps],
        "argmax": [choose(step[-1], 0, identity, 0) for step in steps],
        "choice": {
            "requestId": identity.hex(),
            "temperatureMicro": temperature,
            "tokens": [choose(step[-1], temperature, identity, at) for at, step in enumerate(steps[prompt - 1 :])],
        },
        "traceRoots": {
            "blocks": trace_root(steps, layers, narrow, BLOCKS, prompt).hex(),
            "operators": trace_root(steps, layers, narrow, OPERATORS, prompt).hex(),
        },
        "lastPosition": [digest(tensor)[:16] for tensor in steps[-1]],
    }


def model_vectors(file: str, wide: bool, runs: list[tuple], positions: int | None = None) -> dict:
    """A model's file, formats and runs, each run of at most `positions` tokens."""
    model = convert(read_gguf(ROOT / file), wide)
    content = encode(model)
    # The runs read what the file says, so that it is seen to say all.
    model = decode(content)
    return {
        "file": file,
        "variant": model.variant.name,
        "fileBytes": len(content),
        "fileHash": hashlib.sha256(content).hexdigest(),
        "frequencies": [str(f) for f in model.frequencies],
        "formats": [asdict(layer.formats) for layer in model.layers],
        "Fn": model.Fn,
        "runs": [run_vectors(model, index, run, positions) for index, run in enumerate(runs)],
    }


def frequency_cases() -> list[dict]:
    cases = []
    for hd, base, factor, divisor in (
        (64, 10000.0, 1.0, 1.0),
        (128, 500000.0, 1.0, 1.0),
        (128, 1000000.0, 4.0, 1.0),
        (128, 500000.0, 1.0, 3.0625),
        (256, 8000000.0, 2.5, 32.0),
    ):
        found = frequencies(hd, base, factor, [Fraction(divisor)] * (hd // 2))
        for pair in (0, 1, hd // 4, hd // 2 - 1):
            case = {"hd": hd, "base": base, "factor": factor, "divisor": divisor, "pair": pair}
            cases.append({**case, "frequency": str(found[pair])})
    return cases


def angle_cases(draw: Draw) -> list[dict]:
    cases = [(1, (k << 62) + (t << 31)) for k in range(4) for t in (0, 1, 2**30, 2**30 + 1, 2**31 - 1)]
    cases += [(1, 2**64 - 1)] + [(draw.below(131072), draw.below(1 << 63)) for _ in range(10)]
    found = []
    for position, frequency in cases:
        cos, sin = cos_sin(position, frequency)
        found.append({"position": position, "frequency": str(frequency), "cos": cos, "sin": sin})
    return found


def block_cases(draw: Draw) -> list[dict]:
    """X-10: blocks of 32 weights as they stand in a file."""

    def floats(kind: str, integers: list[int]) -> tuple[str, bytes]:
        return kind, little_endian(FORMS[kind][2], [float_bits(kind, value) for value in integers])

    def signed(first: int, last: int, sign: int) -> list[int]:
        return [draw.between(first, last) | draw.below(2) * sign for _ in range(32)]

    cases = [
        ("Q8_0", b"\x34\x92" + draw.bytes(32)),
        ("Q4_0", b"\x01\x00" + draw.bytes(16)),
        # d is 2, so that odd weights are halfway between two q.
        floats("F16", [254, *(draw.between(-254, 254) for _ in range(31))]),
        # d is halfway between two half-precision floats, below and above the even one.
        floats("F32", [127 * 2049, *(draw.between(-260000, 260000) for _ in range(31))]),
        floats("F32", [*(draw.between(-260000, 260000) for _ in range(31)), -127 * 2051]),
        ("F16", little_endian("H", signed(0, 0x7BFF, 1 << 15))),
        # Subnormal weights: d is 1 or 2 units.
        ("F16", little_endian("H", signed(0, 199, 1 << 15))),
        # Too small for a scale: all zero.
        ("F16", little_endian("H", signed(0, 63, 1 << 15))),
        ("BF16", little_endian("H", signed(0x3B00, 0x3D80, 1 << 15))),
        ("F32", little_endian("I", signed(0x3B000000, 0x3D800000, 1 << 31))),
        # Behind the largest half-precision float, but not 127 times.
        ("F32", little_endian("I", signed(0x48000000, 0x4AF00000, 1 << 31))),
        ("F32", bytes(128)),
    ]
    found = []
    for kind, data in cases:
        block = grouped(Tensor("block", kind, 1, 32, memoryview(data)))
        q = block.q[0].tobytes().hex()
        found.append({"kind": kind, "bytes": data.hex(), "d": block.scales[0][0], "q": q})
    return found


def multiplier_cases(draw: Draw) -> dict:
    """X-11: rows of scales."""
    rows = [[1, 2, 0x8001, 0], [0x7BFF, 0xFBFF, 1, 0x3C00], [0x2000 + draw.below(4096) for _ in range(6)], [0, 0x8000]]
    matrices = []
    for name, K in (("attn_q, hd 64", isqrt(LOG2_E**2 // 64)), ("ffn_gate", LOG2_E), ("ffn_up", LN_2), ("others", ONE), ("head", ONE)):
        part = linear(Grouped([], rows), K, head=name == "head")
        matrices.append({"matrix": name, "K": str(K), "T": part.T, "mult": part.mult})
    return {"scales": rows, "matrices": matrices}


def noise_cases() -> list[dict]:
    found = []
    for name in (b"a", b"b"):
        identity = hashlib.sha256(name).digest()
        for position, token in ((0, 0), (1, 0), (0, 1), (511, 1023), (2**32 - 1, 128255)):
            value = noise(identity, position, token)
            found.append({"requestId": identity.hex(), "position": position, "token": token, "noise": value})
    return found


def trace_cases() -> dict:
    """X-71: tensors of more than a chunk, of one layer at three positions, whose values a formula gives."""
    lengths = [5000, 5000, 9000, 4096, 4097, 9000, 5000, 5000, 12289, 1, 8192, 5000, 5000, 10000]
    steps = [
        [[(p * 4099 + t * 641 + i * 31) % 32768 - 16384 for i in range(length)] for t, length in enumerate(lengths)]
        for p in range(3)
    ]
    cases = []
    for level in (BLOCKS, OPERATORS):
        for narrow in (True, False):
            root = trace_root(steps, 1, narrow, level, 2).hex()
            cases.append({"level": level, "variant": "narrow" if narrow else "wide", "traceRoot": root})
    value = "(4099 position + 641 tensor + 31 index) mod 32768 - 16384, tensor as at level 1"
    return {"rule": "X-71", "value": value, "prompt": 2, "positions": 3, "lengths": lengths, "cases": cases}


def operator_vectors() -> dict:
    """What needs no model. The same at every call: the draws start from one seed."""
    draw = Draw("exact vectors")
    exponents = sorted([0, 1, 4095, 4096, 98304, 102400, 106496, 2**40] + [draw.below(100000) for _ in range(12)])
    edges = [j << 15 for j in (1, 2, 31, 32, 33)]
    gates = sorted([0, 2**34, -(2**34)] + [s * (z - d) for z in edges for d in (0, 1) for s in (1, -1)])
    gates += [draw.between(-(2**20), 2**20) for _ in range(16)]
    ks = [0, 1, 2**51, 2**52 - 2, 2**52 - 1, 2**52 - 2**20] + [draw.below(1 << 52) for _ in range(6)]
    return {
        "blocks": {"rule": "X-10", "cases": block_cases(draw)},
        "multipliers": {"rule": "X-11", **multiplier_cases(draw)},
        "frequencies": {"rule": "X-17", "cases": frequency_cases()},
        "angles": {"rule": "X-28", "cases": angle_cases(draw)},
        "exp2": {"rule": "X-24", "cases": [[str(z), exp2(z)] for z in exponents]},
        "gated": {"rule": "X-26", "cases": [[str(z), str(gated(z))] for z in gates]},
        "gumbel": {"rule": "X-31", "cases": [[str(k), gumbel(k)] for k in ks]},
        "noise": {"rule": "X-31", "cases": noise_cases()},
        "trace": trace_cases(),
    }


def all_vectors() -> dict:
    return {
        "comment": (
            "docs/exact-arithmetic.md by test/exact/reference.py. logits: SHA-256 of the i32, little-endian, at each position. "
            "choice: tokens by X-30 from the prompt's last position on, the first of them output position 0. "
            "lastPosition: the first 8 bytes of the SHA-256 of each tensor of level 1 at the last position."
        ),
        "rule": "X-10 to X-31, X-50, X-70, X-71",
        **operator_vectors(),
        "models": [model_vectors(file, wide, runs) for file, wide, runs in MODELS],
    }
