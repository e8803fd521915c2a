"""Rules X-70 and X-71: the trace of a run."""

import hashlib

from converted import little_endian

BLOCKS, OPERATORS = 0, 1
CHUNK = 4096
PER_LAYER = 11


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def tensors_of(tensors: list[list[int]], layers: int, level: int, with_logits: bool) -> list[tuple[list[int], bool]]:
    """Of what `Forward.step` gives the tensors of a level in order, and whether each is a k or a v."""
    result = []
    if level == OPERATORS:
        result.append((tensors[0], False))
    for l in range(layers):
        layer = tensors[1 + PER_LAYER * l : 1 + PER_LAYER * (l + 1)]
        if level == BLOCKS:
            result += [(layer[2], True), (layer[3], True), (layer[10], False)]
        else:
            result += [(tensor, index in (2, 3)) for index, tensor in enumerate(layer)]
    if level == OPERATORS and with_logits:
        result += [(tensors[-2], False), (tensors[-1], False)]
    return result


def root_of(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        pairs = [sha256(b"\1", a, b) for a, b in zip(leaves[::2], leaves[1::2])]
        leaves = pairs + leaves[2 * len(pairs) :]
    return leaves[0]


def trace_root(steps: list[list[list[int]]], layers: int, narrow: bool, level: int, prompt: int) -> bytes:
    """Over all positions, the first `prompt` of them those of the prompt."""
    leaves = []
    for position, tensors in enumerate(steps):
        found = tensors_of(tensors, layers, level, with_logits=position >= prompt - 1)
        for index, (values, is_cached) in enumerate(found):
            form = "h" if narrow and is_cached else "i"
            for chunk, first in enumerate(range(0, len(values), CHUNK)):
                body = little_endian(form, values[first : first + CHUNK])
                leaves.append(sha256(b"\0", u32(position), u32(index), u32(chunk), body))
    return sha256(b"karmesh:trace", bytes([level]), u32(prompt), u32(len(steps)), root_of(leaves))
