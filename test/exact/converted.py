"""Rule X-50: the file of a converted model, written and read."""

import sys
from array import array
from struct import calcsize, pack, unpack_from

from convert import VARIANTS, Layer, LayerFormats, Linear, Model, Shape

MAGIC = b"KEXACT\0\0"
TIED, BIASES = 1, 2
LAYER_FORMATS = "<8i"


def little_endian(form: str, values) -> bytes:
    result = array(form, values)
    if sys.byteorder == "big":
        result.byteswap()
    return result.tobytes()


def encode(model: Model) -> bytes:
    out = bytearray()

    def section(content: bytes) -> None:
        out.extend(bytes(-len(out) % 64))
        out.extend(content)

    def integers(values: list[int]) -> None:
        section(little_endian("i", values))

    def columns(q: list[array]) -> None:
        """[R/8][N/2][8 rows][2 columns], with rows of zeros to a multiple of 8."""
        width = len(q[0])
        zeros = array("b", bytes(width))
        packed = bytearray(-(-len(q) // 8) * 8 * width)
        for at in range(0, len(packed) // width):
            row = (q[at] if at < len(q) else zeros).tobytes()
            first = at // 8 * 8 * width + at % 8 * 2
            packed[first : first + 8 * width : 16] = row[0::2]
            packed[first + 1 : first + 8 * width : 16] = row[1::2]
        section(bytes(packed))

    def matrix(part: Linear, padding_T: int = 0) -> None:
        rows = len(part.T)
        missing = -rows % 8
        integers(part.T + [padding_T] * missing)
        groups = len(part.mult[0])
        mult = part.mult + [[0] * groups] * missing
        order = [mult[at + r][b] for at in range(0, len(mult), 8) for b in range(groups) for r in range(8)]
        section(little_endian("h", order))
        columns(part.q)

    s = model.shape
    flags = (TIED if s.tied else 0) | (BIASES if s.biases else 0)
    numbers = (1, model.variant.code, s.D, s.L, s.H, s.G, s.hd, s.M, s.V, s.C, 1 if s.halves else 0, flags)
    section(MAGIC + pack("<12IQ", *numbers, s.E) + model.gguf_hash)
    section(pack(f"<{s.hd // 2}Q", *model.frequencies))
    section(little_endian("H", [bits for row in model.embedding_scales for bits in row]))
    if not s.tied:
        columns(model.embedding)
    for layer in model.layers:
        f = layer.formats
        section(pack(LAYER_FORMATS, f.Fn1, f.Fq, f.Fk, f.Fv, f.Fn2, f.Fg, f.Fu, f.Fh))
        integers(layer.attn_norm)
        for part in (layer.q, layer.k, layer.v, layer.o):
            matrix(part)
        for bias in layer.biases or ():
            integers(bias)
        integers(layer.ffn_norm)
        for part in (layer.gate, layer.up, layer.down):
            matrix(part)
    section(pack("<i", model.Fn))
    integers(model.norm)
    matrix(model.head, padding_T=model.head.T[0])
    return bytes(out)


def decode(content: bytes) -> Model:
    """Of a file that `encode` wrote: this is no check of a stranger's file."""
    at = 0

    def section(form: str) -> tuple:
        nonlocal at
        at += -at % 64
        found = unpack_from(form, content, at)
        at += calcsize(form)
        return found

    def integers(count: int) -> list[int]:
        return list(section(f"<{count}i"))

    def columns(rows: int, width: int) -> list[array]:
        nonlocal at
        at += -at % 64
        result = []
        for row in range(rows):
            first = at + row // 8 * 8 * width + row % 8 * 2
            q = bytearray(width)
            q[0::2] = content[first : first + 8 * width : 16]
            q[1::2] = content[first + 1 : first + 8 * width : 16]
            result.append(array("b", bytes(q)))
        at += -(-rows // 8) * 8 * width
        return result

    def matrix(rows: int, width: int) -> Linear:
        padded, groups = -(-rows // 8) * 8, width // 32
        T = integers(padded)[:rows]
        order = section(f"<{padded * groups}h")
        mult = [list(order[r // 8 * 8 * groups + r % 8 : (r // 8 + 1) * 8 * groups : 8]) for r in range(rows)]
        return Linear(T, mult, columns(rows, width))

    magic, *numbers, E, gguf_hash = section("<8s12IQ32s")
    version, variant, D, L, H, G, hd, M, V, C, halves, flags = numbers
    assert magic == MAGIC and version == 1
    tied, biases = bool(flags & TIED), bool(flags & BIASES)
    shape = Shape(D=D, L=L, H=H, G=G, hd=hd, M=M, V=V, C=C, halves=bool(halves), tied=tied, biases=biases, E=E)
    frequencies = list(section(f"<{hd // 2}Q"))
    flat = section(f"<{V * D // 32}H")
    scales = [list(flat[row : row + D // 32]) for row in range(0, len(flat), D // 32)]
    embedding = [] if tied else columns(V, D)

    def layer() -> Layer:
        return Layer(
            formats=LayerFormats(*section(LAYER_FORMATS)),
            attn_norm=integers(D),
            q=matrix(H * hd, D),
            k=matrix(G * hd, D),
            v=matrix(G * hd, D),
            o=matrix(D, H * hd),
            biases=(integers(H * hd), integers(G * hd), integers(G * hd)) if biases else None,
            ffn_norm=integers(D),
            gate=matrix(M, D),
            up=matrix(M, D),
            down=matrix(D, M),
        )

    layers = [layer() for _ in range(L)]
    (Fn,) = integers(1)
    norm = integers(D)
    head = matrix(V, D)
    assert at == len(content)
    return Model(
        variant=VARIANTS[variant],
        shape=shape,
        gguf_hash=gguf_hash,
        frequencies=frequencies,
        embedding_scales=scales,
        embedding=head.q if tied else embedding,
        layers=layers,
        Fn=Fn,
        norm=norm,
        head=head,
    )
