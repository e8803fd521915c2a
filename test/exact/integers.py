"""The notation of docs/exact-arithmetic.md."""


def rshr(a: int, s: int) -> int:
    return (a + (1 << (s - 1))) >> s if s > 0 else a << -s


def rdiv(a: int, d: int) -> int:
    return (2 * a + d) // (2 * d)


def ceildiv(a: int, d: int) -> int:
    return -(-a // d)


def sat(v: int, n: int) -> int:
    limit = (1 << (n - 1)) - 1
    return limit if v > limit else -limit if v < -limit else v
