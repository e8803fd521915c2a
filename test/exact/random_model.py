"""Writes test/models/random-qwen2.gguf: a model of noise that takes every path of the rules that the bundled one leaves out.

The family qwen2 with biases and halves, a tied head, scaled frequencies, all types of matrices, negative scales, rows of zeros, a
vocabulary that is no multiple of 8, and norm weights that need the wide variant and more than 16 bits.
"""

import struct
from pathlib import Path

from converted import little_endian
from draw import Draw
from floats import FORMS, float_bits

D, L, H, G, HD, M, V = 96, 2, 4, 2, 16, 64, 100
TYPE_NUMBERS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "BF16": 30}


def write_random_model(path: Path) -> None:
    draw = Draw("random qwen2")
    tensors: list[tuple[str, str, list[int], bytes]] = []

    def floats(name: str, kind: str, dimensions: list[int], values: list[int], exponent: int) -> None:
        data = little_endian(FORMS[kind][2], [float_bits(kind, value, exponent) for value in values])
        tensors.append((name, kind, dimensions, data))

    def matrix(name: str, kind: str, rows: int, columns: int) -> None:
        name, dimensions, count = f"{name}.weight", [columns, rows], rows * columns
        if kind in FORMS:
            # A row of zeros, a group of zeros, else weights up to 1/8.
            bits = min(FORMS[kind][0], 12)
            values = [draw.between(-(1 << bits), 1 << bits) for _ in range(count)]
            values[columns : 2 * columns] = [0] * columns
            values[3 * columns : 3 * columns + 32] = [0] * 32
            floats(name, kind, dimensions, values, -3 - bits)
            return
        # Scales from 1/2048 to 1/1024 for 8 bits, 16 times as large for 4, of either sign.
        size, base = (32, 0x1000) if kind == "Q8_0" else (16, 0x2000)
        data = b"".join(
            struct.pack("<H", base + draw.below(1024) | draw.below(2) << 15) + draw.bytes(size)
            for _ in range(count // 32)
        )
        tensors.append((name, kind, dimensions, data))

    def norm(name: str, largest: int) -> None:
        values = [draw.between(1, largest * 64) * (1 if draw.below(8) else -1) for _ in range(D)]
        floats(f"{name}.weight", "F32", [D], values, -6)

    matrix("token_embd", "Q8_0", V, D)
    floats("rope_freqs.weight", "F32", [HD // 2], [64 + 24 * i for i in range(HD // 2)], -6)
    kinds = (
        ("Q4_0", "BF16", "F32", "F16", "Q8_0", "Q4_0", "BF16"),
        ("F16", "Q8_0", "Q4_0", "BF16", "F16", "BF16", "Q4_0"),
    )
    for l, (q, k, v, o, gate, up, down) in enumerate(kinds):
        block = f"blk.{l}."
        norm(block + "attn_norm", 8 if l == 0 else 2)
        norm(block + "ffn_norm", 1 if l == 0 else 6)
        for part, kind, rows in (("q", q, H * HD), ("k", k, G * HD), ("v", v, G * HD)):
            matrix(f"{block}attn_{part}", kind, rows, D)
            biases = [draw.between(-(1 << 12), 1 << 12) for _ in range(rows)]
            floats(f"{block}attn_{part}.bias", "F32", [rows], biases, -6 if part == "k" else -10)
        matrix(block + "attn_output", o, D, H * HD)
        matrix(block + "ffn_gate", gate, M, D)
        matrix(block + "ffn_up", up, M, D)
        matrix(block + "ffn_down", down, D, M)
    norm("output_norm", 2)
    path.write_bytes(gguf_bytes(tensors))


def gguf_bytes(tensors: list[tuple[str, str, list[int], bytes]]) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def number(value: int) -> bytes:
        return struct.pack("<II", 4, value)

    def real(value: float) -> bytes:
        return struct.pack("<If", 6, value)

    def word(value: str) -> bytes:
        return struct.pack("<I", 8) + text(value)

    def words_of(values: list[str]) -> bytes:
        return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))

    values = {
        "general.architecture": word("qwen2"),
        "general.name": word("random"),
        "qwen2.context_length": number(128),
        "qwen2.embedding_length": number(D),
        "qwen2.block_count": number(L),
        "qwen2.feed_forward_length": number(M),
        "qwen2.attention.head_count": number(H),
        "qwen2.attention.head_count_kv": number(G),
        "qwen2.attention.key_length": number(HD),
        "qwen2.attention.value_length": number(HD),
        "qwen2.attention.layer_norm_rms_epsilon": real(1e-6),
        "qwen2.rope.freq_base": real(1e6),
        "qwen2.rope.scaling.type": word("linear"),
        "qwen2.rope.scaling.factor": real(2.5),
        "tokenizer.ggml.model": word("gpt2"),
        "tokenizer.ggml.pre": word("gpt-2"),
        "tokenizer.ggml.tokens": words_of([f"t{token}" for token in range(V)]),
        "tokenizer.ggml.merges": words_of([]),
        "tokenizer.ggml.eos_token_id": number(0),
    }
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    header += b"".join(text(key) + value for key, value in values.items())
    offset, body = 0, b""
    for name, kind, dimensions, data in tensors:
        header += text(name) + struct.pack("<I", len(dimensions)) + struct.pack(f"<{len(dimensions)}Q", *dimensions)
        header += struct.pack("<IQ", TYPE_NUMBERS[kind], offset)
        data += bytes(-len(data) % 32)
        offset, body = offset + len(data), body + data
    return header + bytes(-len(header) % 32) + body
