"""Bits of floats, for files that this folder makes up."""

# Stored fraction bits, exponent bits, array format.
FORMS = {"F16": (10, 5, "H"), "BF16": (7, 8, "H"), "F32": (23, 8, "I")}


def float_bits(kind: str, integer: int, exponent: int = 0) -> int:
    """The bits of `integer * 2^exponent`, which the format must hold exactly as a normal number."""
    fraction_bits, exponent_bits, _ = FORMS[kind]
    if integer == 0:
        return 0
    length = abs(integer).bit_length() - 1
    assert length <= fraction_bits
    biased = length + exponent + (1 << exponent_bits - 1) - 1
    assert 0 < biased < (1 << exponent_bits) - 1
    sign = int(integer < 0) << fraction_bits + exponent_bits
    return sign | (biased - 1 << fraction_bits) + (abs(integer) << fraction_bits - length)
