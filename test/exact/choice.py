"""Rules X-30 and X-31: the choice of a token."""

import hashlib

from bounds import bound
from integers import rdiv, rshr


def log(x: int, n: int) -> int:
    """The logarithm to base 2 with n fraction bits, rounded down step by step."""
    l = x.bit_length() - 1
    y = x << 64 - x.bit_length()
    for _ in range(n):
        y2 = y * y
        if y2 >= 1 << 127:
            l, y = 2 * l + 1, y2 >> 64
        else:
            l, y = 2 * l, y2 >> 63
    return l


def gumbel(k: int) -> int:
    """X-31: 20 fraction bits of `-ln(-ln((k + 0.5) / 2^52))`."""
    A = 53 * 2**57 - log(2 * k + 1, 57)
    assert A >= 16
    B = 57 * 2**57 - log(A, 30) * 2**27 + 76203265285142068
    bound("B", B, (1 << 63) - 1)
    return rshr(bound("B x ln 2", rshr(B, 33) * 744261118, (1 << 63) - 1), 34)


def noise(request_id: bytes, position: int, token: int) -> int:
    digest = hashlib.sha256(request_id + position.to_bytes(4, "little") + token.to_bytes(4, "little")).digest()
    return gumbel(int.from_bytes(digest[:7], "big") >> 4)


def choose(logits: list[int], temperature_micro: int, request_id: bytes, position: int) -> int:
    """X-30; `position` counts output tokens."""
    order = sorted(range(len(logits)), key=lambda token: (-logits[token], token))
    if temperature_micro == 0:
        return order[0]

    def score(token: int) -> int:
        scaled = bound("logit x 10^6", logits[token] * 1000000, 1 << 51)
        return rdiv(scaled, temperature_micro) + noise(request_id, position, token)

    return max(order[:64], key=lambda token: (score(token), -token))
