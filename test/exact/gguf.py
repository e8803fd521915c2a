"""Reads a GGUF file: its values, and its tensors' shapes and bytes. Nothing is converted here."""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

# Format characters of the value types 0 to 7 and 10 to 12; 8 is a string, 9 an array.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# Tensor types: name, values in a block, bytes of a block. A file with another type is refused.
TENSOR_TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 8: ("Q8_0", 32, 34), 30: ("BF16", 1, 2)}


class Refused(Exception):
    """The rules refuse this file. The message says why."""


@dataclass(frozen=True)
class Tensor:
    name: str
    kind: str
    rows: int
    columns: int
    data: memoryview


@dataclass(frozen=True)
class Gguf:
    values: dict
    tensors: dict[str, Tensor]
    content: bytes


def read_gguf(path: Path) -> Gguf:
    content = path.read_bytes()
    at = 0

    def scalar(form: str):
        nonlocal at
        value = struct.unpack_from("<" + form, content, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def text() -> str:
        nonlocal at
        length = scalar("Q")
        at += length
        return content[at - length : at].decode("utf-8", "surrogateescape")

    def value(kind: int):
        if kind == 8:
            return text()
        if kind == 9:
            element = scalar("I")
            return [value(element) for _ in range(scalar("Q"))]
        return scalar(SCALARS[kind])

    if content[:4] != b"GGUF":
        raise Refused("not a GGUF file")
    at = 4
    if scalar("I") not in (2, 3):
        raise Refused("another version of GGUF")
    tensor_count, value_count = scalar("Q"), scalar("Q")
    values = {}
    for _ in range(value_count):
        name = text()
        values[name] = value(scalar("I"))
    headers = []
    for _ in range(tensor_count):
        name = text()
        dimensions = [scalar("Q") for _ in range(scalar("I"))]
        headers.append((name, dimensions, scalar("I"), scalar("Q")))
    alignment = values.get("general.alignment", 32)
    start = -(-at // alignment) * alignment
    tensors = {}
    for name, dimensions, kind, offset in headers:
        if kind not in TENSOR_TYPES:
            raise Refused(f"{name} has the type {kind}")
        label, block_values, block_bytes = TENSOR_TYPES[kind]
        # The first dimension is the fastest one: the columns of a matrix.
        columns, rows = dimensions[0], prod(dimensions[1:])
        if len(dimensions) > 2 or columns % block_values != 0:
            raise Refused(f"{name} has the shape {dimensions}")
        size = columns * rows // block_values * block_bytes
        first = start + offset
        if first + size > len(content):
            raise Refused(f"{name} ends behind the file")
        tensors[name] = Tensor(name, label, rows, columns, memoryview(content)[first : first + size])
    return Gguf(values, tensors, content)
