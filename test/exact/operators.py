"""Rules X-20 to X-28: the operators, each from integers to integers."""

from math import isqrt
from operator import mul

from bounds import bound, enabled
from convert import HALF_UNITS, Linear
from integers import rdiv, rshr, sat

# The rows "acc" of X-40, by what a matrix reads.
ACC_NORM, ACC_HEAD, ACC_ATTENTION, ACC_HIDDEN = 1 << 55, 1 << 58, 1 << 51, (1 << 63) - 1

# (C0, C1, C2) for j = 0 … 31.
PARABOLAS = [
    (-1, 23, 2792), (2807, 5644, 2477), (10917, 10617, 1947), (23468, 14511, 1348),
    (39316, 17194, 803), (57304, 18781, 378), (76456, 19519, 88), (96059, 19680, -86),
    (115651, 19498, -175), (134974, 19143, -207), (153910, 18726, -206), (172432, 18314, -187),
    (190559, 17939, -161), (208337, 17617, -134), (225820, 17348, -109), (243060, 17131, -87),
    (260104, 16958, -68), (276994, 16821, -53), (293762, 16716, -41), (310437, 16634, -31),
    (327041, 16572, -24), (343589, 16525, -18), (360096, 16489, -14), (376572, 16462, -10),
    (393024, 16442, -8), (409459, 16427, -6), (425880, 16416, -4), (442292, 16407, -3),
    (458696, 16401, -2), (475095, 16397, -2), (491490, 16393, -1), (507882, 16391, -1),
]  # fmt: skip


def embed(q: list[int], scales: list[int]) -> list[int]:
    """X-20: a token's residual, 16 fraction bits."""
    return [sat(rshr(value * HALF_UNITS[scales[i // 32]], 8), 32) for i, value in enumerate(q)]


def norm(x: list[int], w: list[int], E: int, Fn: int, bits: int) -> list[int]:
    """X-21."""
    D = len(x)
    ss = bound("ss", sum(value * value for value in x) + E * D, 1 << 76)
    r = isqrt(bound("D x 2^68 / ss", (D << 68) // ss, 1 << 63))
    bound("r", r, (1 << 32) - 1)
    y = []
    for value, weight in zip(x, w):
        bound("x_i x r", value * r, 1 << 41)
        bound("x_i x r x w_i", abs(value * r * weight) + (1 << 47 - Fn), (1 << 63) - 1)
        y.append(sat(rshr(value * r * weight, 48 - Fn), bits))
    return y


def linear(matrix: Linear, x: list[int], shifts: int, acc_limit: int) -> list[int]:
    """X-22; `shifts` is Fin - Fout."""
    groups = [x[at : at + 32] for at in range(0, len(x), 32)]
    result = []
    for T, mult, q in zip(matrix.T, matrix.mult, matrix.q):
        acc = 0
        for b, (m, group) in enumerate(zip(mult, groups)):
            acc += m * sum(map(mul, q[32 * b : 32 * b + 32], group))
        result.append(rshr(acc, T + shifts))
    if enabled():
        check_linear(matrix, groups, shifts, acc_limit)
    return result


def check_linear(matrix: Linear, groups: list[list[int]], shifts: int, acc_limit: int) -> None:
    """The sums of X-22 in any order: those of the magnitudes."""
    limbs = [([abs(x >> 15) for x in group], [x & 32767 for x in group]) for group in groups]
    if all(-32768 <= x <= 32767 for group in groups for x in group):
        limbs = [([abs(x) for x in group],) for group in groups]
    for T, mult, q in zip(matrix.T, matrix.mult, matrix.q):
        magnitude = 0
        for b, (m, group) in enumerate(zip(mult, groups)):
            weights = [abs(value) for value in q[32 * b : 32 * b + 32]]
            for limb in limbs[b]:
                bound("a limb's group sum", sum(map(mul, weights, limb)), 1 << 27)
            magnitude += abs(m) * sum(map(mul, weights, map(abs, group)))
        bound("acc", magnitude, acc_limit)
        s = T + shifts
        if s > 60:
            bound("acc that is shifted away", magnitude, (1 << 59) - 1)
        elif s > 0:
            bound("acc + 2^(s-1)", magnitude + (1 << (s - 1)), (1 << 63) - 1)
        else:
            assert s == 0 or magnitude == 0, "X-15: no row is shifted to the left"


SIN = (2959, -213044, 8947849, -178956971, 1073741824)
COS = (26631, -1491308, 44739243, -536870912, 1073741824)


def cos_sin(position: int, frequency: int) -> tuple[int, int]:
    """X-28: 14 fraction bits."""
    a = position * frequency % (1 << 64)
    k = a >> 62
    t = a % (1 << 62) >> 31
    changes = t > 1 << 30
    if changes:
        t = (1 << 31) - t
    th = rshr(bound("t x 1686629713", t * 1686629713, (1 << 61) - 1), 31)
    w = rshr(th * th, 30)
    S, Q = -27, -296
    for C in SIN:
        S = C + rshr(bound("w x S", w * S, 1 << 60), 30)
    for C in COS:
        Q = C + rshr(bound("w x Q", w * Q, 1 << 60), 30)
    sin = rshr(rshr(bound("th x S", th * S, 1 << 60), 30), 16)
    cos = rshr(Q, 16)
    if changes:
        cos, sin = sin, cos
    return ((cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos))[k]


def rotate(x: list[int], angles: list[tuple[int, int]], hd: int, halves: bool, F: int, bits: int) -> list[int]:
    """X-23: RoPE of every head, from 16 fraction bits to F."""
    result = [0] * len(x)
    for head in range(0, len(x), hd):
        for i, (c, s) in enumerate(angles):
            first, second = (head + i, head + i + hd // 2) if halves else (head + 2 * i, head + 2 * i + 1)
            a, b = x[first], x[second]
            bound("RoPE", abs(a * c) + abs(b * s), 1 << 46)
            bound("RoPE", abs(a * s) + abs(b * c), 1 << 46)
            result[first] = sat(rshr(a * c - b * s, 30 - F), bits)
            result[second] = sat(rshr(a * s + b * c, 30 - F), bits)
    return result


def exp2(z: int) -> int:
    """X-24: `2^(-z / 4096)` with 24 fraction bits."""
    n, f = divmod(z, 4096)
    t = -2588
    for C in (15126, -45305, 65532):
        t = C + rshr(bound("exp2: t x f", t * f, 1 << 29), 12)
    return 0 if n > 25 else rshr(t, n - 8)


def attend(q: list[int], keys: list[list[int]], values: list[list[int]], score_shift: int) -> list[int]:
    """X-24, one head: `score_shift` is Fq + Fk - 12."""
    scores = [bound("score", sum(map(mul, q, key)), 1 << 46) for key in keys]
    top = max(scores)
    e = [exp2(rshr(top - s, score_shift)) for s in scores]
    total = bound("sum e_t", sum(e), 1 << 41)
    out = []
    for i in range(len(q)):
        acc = sum(e_t * value[i] for e_t, value in zip(e, values))
        bound("sum e_t x v_t, doubled", 2 * abs(acc) + total, (1 << 61) + (1 << 41))
        out.append(rdiv(acc, total))
    return out


def gated(z: int) -> int:
    """X-26: t, which stands for `2 * z * logistic(z ln 2)`, z with 16 fraction bits."""
    j, f = divmod(abs(bound("z", z, 1 << 34)), 1 << 15)
    if j >= 32:
        return 2 * z if z > 0 else 0
    C0, C1, C2 = PARABOLAS[j]
    inner = C1 + rshr(bound("C2 x f", C2 * f, 1 << 27), 15)
    return z + 2 * (C0 + rshr(bound("(C1 + …) x f", inner * f, 1 << 30), 15))


def hidden(g: int, u: int, Fg: int, Fu: int, Fh: int) -> int:
    """X-26."""
    t = gated(rshr(g, Fg - 16))
    return sat(rshr(bound("t x u", t * u, 1 << 55), 17 + Fu - Fh), 30)
