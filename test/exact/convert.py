"""Rules X-01 to X-17: from a GGUF file to integers. A file that a rule refuses raises Refused."""

import hashlib
from array import array
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor, isqrt

from gguf import Gguf, Refused, Tensor
from integers import ceildiv, rshr, sat

LOG2_E = 6653256548922161246  # log2(e) * 2^62
LN_2 = 3196577161300663915  # ln(2) * 2^62
ONE = 1 << 62

MULTIPLIER_BITS, HEAD_MULTIPLIER_BITS = 12, 15


@dataclass(frozen=True)
class Variant:
    """X-02."""

    code: int
    name: str
    norm_bits: int
    attention_bits: int


NARROW = Variant(0, "narrow", 16, 16)
WIDE = Variant(1, "wide", 24, 20)
VARIANTS = (NARROW, WIDE)


@dataclass(frozen=True)
class Shape:
    """X-01. `E` is X-12's constant under the root."""

    D: int
    L: int
    H: int
    G: int
    hd: int
    M: int
    V: int
    C: int
    halves: bool
    tied: bool
    biases: bool
    E: int


@dataclass(frozen=True)
class Linear:
    """A matrix as X-22 reads it: by row its T, its groups' multipliers and its integers."""

    T: list[int]
    mult: list[list[int]]
    q: list[array]


@dataclass(frozen=True)
class LayerFormats:
    """X-13 and X-15: fraction bits, in the order of X-50."""

    Fn1: int
    Fq: int
    Fk: int
    Fv: int
    Fn2: int
    Fg: int
    Fu: int
    Fh: int


@dataclass(frozen=True)
class Layer:
    formats: LayerFormats
    attn_norm: list[int]
    q: Linear
    k: Linear
    v: Linear
    o: Linear
    biases: tuple[list[int], list[int], list[int]] | None
    ffn_norm: list[int]
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True)
class Model:
    variant: Variant
    shape: Shape
    gguf_hash: bytes
    frequencies: list[int]
    # The embedding's scales as half-precision bits, its integers by row.
    embedding_scales: list[list[int]]
    embedding: list[array]
    layers: list[Layer]
    Fn: int
    norm: list[int]
    head: Linear


# ------------------------------------------------------------------------------------------------------ numbers of a file


def half_units(bits: int) -> int | None:
    """The integer m with `m * 2^-24` the half-precision float of these bits, None if it is not finite."""
    exponent, fraction = bits >> 10 & 31, bits & 1023
    if exponent == 31:
        return None
    m = fraction if exponent == 0 else (1024 + fraction) << (exponent - 1)
    return -m if bits >> 15 else m


HALF_UNITS = [half_units(bits) for bits in range(1 << 16)]


def nearest_half(numerator: int, denominator: int) -> int:
    """The bits of the half-precision float nearest to `numerator / denominator * 2^-24` >= 0, ties to even."""
    exponent = max(0, (numerator // denominator).bit_length() - 11)
    step = denominator << exponent
    significand, rest = divmod(numerator, step)
    if 2 * rest > step or (2 * rest == step and significand & 1):
        significand += 1
    # A carry from 11 bits to 12 lands in the exponent, as in hardware.
    bits = (exponent << 10) + significand
    if bits >= 31 << 10:
        raise Refused("a scale is too large for half precision")
    return bits


def single_units(bits: int) -> int | None:
    """The integer n with `n * 2^-149` the single-precision float of these bits, None if it is not finite."""
    exponent, fraction = bits >> 23 & 255, bits & 0x7FFFFF
    if exponent == 255:
        return None
    n = fraction if exponent == 0 else (0x800000 + fraction) << (exponent - 1)
    return -n if bits >> 31 else n


def words(data: memoryview, form: str) -> array:
    result = array(form, data.tobytes())
    if array("H", b"\1\0")[0] != 1:
        result.byteswap()
    return result


def exact_values(tensor: Tensor) -> tuple[list[int], int]:
    """A float tensor's values as integers n and the s with `n * 2^-s` each value."""
    if tensor.kind == "F16":
        found, unit = [HALF_UNITS[bits] for bits in words(tensor.data, "H")], 24
    elif tensor.kind == "BF16":
        found, unit = [single_units(bits << 16) for bits in words(tensor.data, "H")], 149
    elif tensor.kind == "F32":
        found, unit = [single_units(bits) for bits in words(tensor.data, "I")], 149
    else:
        raise Refused(f"{tensor.name} is not a tensor of floats")
    if None in found:
        raise Refused(f"{tensor.name} holds a value that is not finite")
    return found, unit


# ------------------------------------------------------------------------------------------------------ matrices


@dataclass(frozen=True)
class Grouped:
    """X-10: integers by row, and of each group the bits of its half-precision scale."""

    q: list[array]
    scales: list[list[int]]


def quantise_row(values: list[int], unit: int) -> tuple[array, list[int]]:
    """X-10 for floats, given as integers of `2^-unit`."""
    q, scales = array("b"), []
    to_units = 1 << (unit - 24)
    for at in range(0, len(values), 32):
        block = values[at : at + 32]
        bits = nearest_half(max(map(abs, block)), 127 * to_units)
        scales.append(bits)
        d = HALF_UNITS[bits] * to_units
        if d == 0:
            q.extend([0] * 32)
            continue
        for w in block:
            magnitude = min(127, (2 * abs(w) + d) // (2 * d))
            q.append(-magnitude if w < 0 else magnitude)
    return q, scales


def grouped(tensor: Tensor) -> Grouped:
    """X-10."""
    if tensor.columns % 32 != 0:
        raise Refused(f"{tensor.name} has {tensor.columns} columns")
    q, scales = [], []
    if tensor.kind in ("Q8_0", "Q4_0"):
        block_bytes = 34 if tensor.kind == "Q8_0" else 18
        row_bytes = tensor.columns // 32 * block_bytes
        for row in range(tensor.rows):
            row_q, row_scales = array("b"), []
            for at in range(row * row_bytes, (row + 1) * row_bytes, block_bytes):
                row_scales.append(int.from_bytes(tensor.data[at : at + 2], "little"))
                body = tensor.data[at + 2 : at + block_bytes]
                if tensor.kind == "Q8_0":
                    row_q.frombytes(body.tobytes())
                else:
                    row_q.extend([(byte & 15) - 8 for byte in body])
                    row_q.extend([(byte >> 4) - 8 for byte in body])
            q.append(row_q)
            scales.append(row_scales)
    else:
        values, unit = exact_values(tensor)
        for at in range(0, len(values), tensor.columns):
            row_q, row_scales = quantise_row(values[at : at + tensor.columns], unit)
            q.append(row_q)
            scales.append(row_scales)
    if any(HALF_UNITS[bits] is None for row in scales for bits in row):
        raise Refused(f"{tensor.name} holds a scale that is not finite")
    return Grouped(q, scales)


def linear(matrix: Grouped, K: int, head: bool = False) -> Linear:
    """X-11."""
    B = HEAD_MULTIPLIER_BITS if head else MULTIPLIER_BITS
    limit = (1 << B) - 1
    units = [[HALF_UNITS[bits] for bits in row] for row in matrix.scales]
    largest = [max(abs(m) for m in row) * K for row in units]
    if head:
        largest = [max(largest)] * len(largest)
    T = [B + 86 - v.bit_length() if v else 0 for v in largest]
    mult = []
    for row, t in zip(units, T):
        magnitudes = [min(limit, rshr(abs(m) * K, 86 - t)) for m in row]
        mult.append([-v if m < 0 else v for v, m in zip(magnitudes, row)])
    return Linear(T, mult, matrix.q)


def norm_weights(tensor: Tensor) -> list[int]:
    """X-12."""
    values, unit = exact_values(tensor)
    w = [rshr(n, unit - 14) for n in values]
    if max(map(abs, w)) >= 1 << 22:
        raise Refused(f"{tensor.name} holds a weight of 256 or more")
    return w


def norm_exponent(w: list[int]) -> int:
    """X-13: the e of a norm's output."""
    power = len(w) * max(map(abs, w)) ** 2
    e = 0
    while power > 4 ** (14 + e):
        e += 1
    return e


def bias_values(tensor: Tensor, K: int) -> list[int]:
    """X-16."""
    values, unit = exact_values(tensor)
    bias = [rshr(n * K, unit + 62 - 16) for n in values]
    if max(map(abs, bias)) >= 1 << 30:
        raise Refused(f"{tensor.name} holds a bias that is too large")
    return bias


def matrix_exponent(matrix: Linear, w: list[int], s: int, bias: list[int] | None) -> int:
    """X-14: the e of a matrix behind a norm with the weights w."""
    W = max(map(abs, w))
    k = 0
    while ceildiv(W, 1 << k) >= 1 << 16:
        k += 1
    u_squares = [ceildiv(abs(value), 1 << k) ** 2 for value in w]
    groups = [u_squares[at : at + 32] for at in range(0, len(w), 32)]
    result = 0
    for row, (T, mult, q) in enumerate(zip(matrix.T, matrix.mult, matrix.q)):
        squares = [value * value for value in q]
        N = 0
        for b, (m, group) in enumerate(zip(mult, groups)):
            A = sum(a * u for a, u in zip(squares[32 * b : 32 * b + 32], group))
            N += m * m * ceildiv(A, 1 << 30)
        e = 0
        while s * len(w) * N > Fraction(4) ** (e + T - k - 1):
            e += 1
        if bias is not None:
            needed = 2 ** (e + 17) + 3 * abs(bias[row])
            while 2 ** (e + 17) < needed:
                e += 1
        result = max(result, e)
    return result


# ------------------------------------------------------------------------------------------------------ RoPE

ROPE_DIGITS = 100


def pi_decimal() -> Decimal:
    """Machin's formula in integers: pi = 16 atan(1/5) - 4 atan(1/239)."""
    unit = 10 ** (ROPE_DIGITS + 10)

    def atan_inverse(n: int) -> int:
        power = total = unit // n
        divisor, sign = 3, -1
        while power:
            power //= n * n
            total += sign * (power // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return Decimal(16 * atan_inverse(5) - 4 * atan_inverse(239)) / unit


def frequencies(hd: int, base: float, factor: float, divisors: list[Fraction]) -> list[int]:
    """X-17: turns at each position, in units of 2^-64."""
    result = []
    with localcontext() as context:
        context.prec = ROPE_DIGITS
        turn = 2 * pi_decimal() * Decimal(factor)
        logarithm = Decimal(base).ln()
        for i, divisor in enumerate(divisors):
            power = (logarithm * (-2 * i) / hd).exp()
            exact = 2**64 * power * divisor.denominator / (turn * divisor.numerator)
            nearest = int(exact.to_integral_value())
            # So far from a half that the digits behind the last one cannot matter.
            assert abs(abs(exact - nearest) - Decimal("0.5")) > Decimal("1e-40")
            if not 0 <= nearest < 1 << 64:
                raise Refused("a frequency of RoPE is out of range")
            result.append(nearest)
    return result


# ------------------------------------------------------------------------------------------------------ the file


def read_shape(gguf: Gguf) -> Shape:
    """X-01 and the constant of X-12."""
    values = gguf.values
    family = values["general.architecture"]
    if family not in ("llama", "qwen2"):
        raise Refused(f"the family {family}")

    def value(name: str, otherwise=None):
        found = values.get(f"{family}.{name}", otherwise)
        if found is None:
            raise Refused(f"{family}.{name} is missing")
        return found

    if value("expert_count", 0) != 0:
        raise Refused("a model of experts")
    D, H = value("embedding_length"), value("attention.head_count")
    G = value("attention.head_count_kv", H)
    hd = value("attention.key_length", D // H if D % H == 0 else None)
    shape = Shape(
        D=D,
        L=value("block_count"),
        H=H,
        G=G,
        hd=hd,
        M=value("feed_forward_length"),
        V=gguf.tensors["token_embd.weight"].rows,
        C=value("context_length"),
        halves=family == "qwen2",
        tied="output.weight" not in gguf.tensors,
        biases=family == "qwen2",
        E=floor(Fraction(value("attention.layer_norm_rms_epsilon")) * 2**32 + Fraction(1, 2)),
    )
    limits = [
        D % 32 == 0 and 0 < D <= 8192,
        H * hd % 32 == 0 and 0 < H * hd <= 8192,
        shape.M % 32 == 0 and 0 < shape.M <= 32768,
        hd % 16 == 0 and 0 < hd <= 256,
        G > 0 and H % G == 0,
        0 < shape.L <= 256,
        0 < shape.V <= 1 << 20,
        0 < shape.C <= 131072,
        value("rope.dimension_count", hd) == hd,
        value("attention.value_length", hd) == hd,
        32 <= shape.E < 1 << 32,
    ]
    if not all(limits):
        raise Refused(f"a shape beyond the limits: {shape}")
    return shape


def read_frequencies(gguf: Gguf, hd: int) -> list[int]:
    """X-17."""
    family = gguf.values["general.architecture"]
    scaling = gguf.values.get(f"{family}.rope.scaling.type", "none")
    if scaling not in ("none", "linear"):
        raise Refused(f"the scaling {scaling} of RoPE")
    factor = gguf.values[f"{family}.rope.scaling.factor"] if scaling == "linear" else 1.0
    divisors = [Fraction(1)] * (hd // 2)
    if "rope_freqs.weight" in gguf.tensors:
        found, unit = exact_values(gguf.tensors["rope_freqs.weight"])
        divisors = [Fraction(n, 1 << unit) for n in found]
    base = gguf.values.get(f"{family}.rope.freq_base", 10000.0)
    if len(divisors) != hd // 2 or min(divisors) <= 0 or factor <= 0 or base <= 0:
        raise Refused("the frequencies of RoPE")
    return frequencies(hd, base, factor, divisors)


def convert(gguf: Gguf, wide: bool = False) -> Model:
    """The model in the variant that X-02 chooses, or in the wide one."""
    shape = read_shape(gguf)
    unused = set(gguf.tensors)

    def tensor(name: str, rows: int, columns: int) -> Tensor:
        if name not in gguf.tensors:
            raise Refused(f"{name} is missing")
        unused.discard(name)
        found = gguf.tensors[name]
        if (found.rows, found.columns) != (rows, columns):
            raise Refused(f"{name} has {found.rows} rows and {found.columns} columns")
        return found

    D, hd = shape.D, shape.hd
    norms = {
        name: norm_weights(tensor(name, 1, D))
        for name in [
            *(f"blk.{l}.{part}_norm.weight" for l in range(shape.L) for part in ("attn", "ffn")),
            "output_norm.weight",
        ]
    }
    exponents = {name: norm_exponent(w) for name, w in norms.items()}
    # narrow needs 10 fraction bits in the output of every norm.
    is_narrow = not wide and all(NARROW.norm_bits - 1 - e >= 10 for e in exponents.values())
    variant = NARROW if is_narrow else WIDE
    K_of = {"attn_q": isqrt(LOG2_E**2 // hd), "ffn_gate": LOG2_E, "ffn_up": LN_2}

    def fits(matrix: Linear, Fin: int, Fout: int, name: str) -> None:
        for T, mult in zip(matrix.T, matrix.mult):
            if any(mult) and T + Fin - Fout < 0:
                raise Refused(f"{name} would be shifted to the left")

    def layer(l: int) -> Layer:
        def matrix(name: str, rows: int, columns: int) -> Linear:
            found = grouped(tensor(f"blk.{l}.{name}.weight", rows, columns))
            return linear(found, K_of.get(name, ONE))

        q = matrix("attn_q", shape.H * hd, D)
        k = matrix("attn_k", shape.G * hd, D)
        v = matrix("attn_v", shape.G * hd, D)
        o = matrix("attn_output", D, shape.H * hd)
        gate = matrix("ffn_gate", shape.M, D)
        up = matrix("ffn_up", shape.M, D)
        down = matrix("ffn_down", D, shape.M)
        biases = None
        if shape.biases:
            biases = tuple(
                bias_values(tensor(f"blk.{l}.{name}.bias", 1, rows * hd), K_of.get(name, ONE))
                for name, rows in (("attn_q", shape.H), ("attn_k", shape.G), ("attn_v", shape.G))
            )
        attn_norm, ffn_norm = norms[f"blk.{l}.attn_norm.weight"], norms[f"blk.{l}.ffn_norm.weight"]
        q_bias, k_bias, v_bias = biases or (None, None, None)
        e_gate, e_up = matrix_exponent(gate, ffn_norm, 1, None), matrix_exponent(up, ffn_norm, 1, None)
        f = LayerFormats(
            Fn1=variant.norm_bits - 1 - exponents[f"blk.{l}.attn_norm.weight"],
            Fq=variant.attention_bits - 1 - matrix_exponent(q, attn_norm, 2, q_bias),
            Fk=variant.attention_bits - 1 - matrix_exponent(k, attn_norm, 2, k_bias),
            Fv=variant.attention_bits - 1 - matrix_exponent(v, attn_norm, 1, v_bias),
            Fn2=variant.norm_bits - 1 - exponents[f"blk.{l}.ffn_norm.weight"],
            Fg=19 - e_gate,
            Fu=19 - e_up,
            Fh=min(14, 29 - e_gate - e_up),
        )
        if f.Fg < 1 or f.Fu < 1 or f.Fq + f.Fk < 12:
            raise Refused(f"layer {l} leaves too few fraction bits: {f}")
        for part, Fin, Fout, name in (
            (q, f.Fn1, 16, "attn_q"),
            (k, f.Fn1, 16, "attn_k"),
            (v, f.Fn1, f.Fv, "attn_v"),
            (o, f.Fv, 16, "attn_output"),
            (gate, f.Fn2, f.Fg, "ffn_gate"),
            (up, f.Fn2, f.Fu, "ffn_up"),
            (down, f.Fh, 16, "ffn_down"),
        ):
            fits(part, Fin, Fout, f"blk.{l}.{name}")
        return Layer(f, attn_norm, q, k, v, o, biases, ffn_norm, gate, up, down)

    embedding = grouped(tensor("token_embd.weight", shape.V, D))
    head = linear(embedding if shape.tied else grouped(tensor("output.weight", shape.V, D)), ONE, head=True)
    Fn = variant.norm_bits - 1 - exponents["output_norm.weight"]
    fits(head, Fn, 20, "the head")
    layers = [layer(l) for l in range(shape.L)]
    unused.discard("rope_freqs.weight")
    if unused:
        raise Refused(f"tensors that the family does not use: {sorted(unused)}")
    return Model(
        variant=variant,
        shape=shape,
        gguf_hash=hashlib.sha256(gguf.content).digest(),
        frequencies=read_frequencies(gguf, hd),
        embedding_scales=embedding.scales,
        embedding=embedding.q,
        layers=layers,
        Fn=Fn,
        norm=norms["output_norm.weight"],
        head=head,
    )
