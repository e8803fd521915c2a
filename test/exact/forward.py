"""Rules X-25, X-27 and X-29: the layers, position by position."""

from convert import Layer, Model
from integers import rshr, sat
from operators import ACC_ATTENTION, ACC_HEAD, ACC_HIDDEN, ACC_NORM, attend, cos_sin, embed, hidden, linear, norm, rotate


class Forward:
    """A run of one sequence. It keeps k and v of the positions so far."""

    def __init__(self, model: Model):
        self.model = model
        self.position = 0
        self.keys: list[list[list[int]]] = [[] for _ in model.layers]
        self.values: list[list[list[int]]] = [[] for _ in model.layers]

    def step(self, token: int) -> list[list[int]]:
        """All tensors of level 1 of X-70 at the next position, the last of them the logits."""
        model, shape = self.model, self.model.shape
        angles = [cos_sin(self.position, f) for f in model.frequencies]
        x = embed(model.embedding[token], model.embedding_scales[token])
        tensors = [x]
        for l, layer in enumerate(model.layers):
            tensors += self._layer(layer, tensors[-1], angles, self.keys[l], self.values[l])
        n = norm(tensors[-1], model.norm, shape.E, model.Fn, model.variant.norm_bits)
        logits = [sat(v, 32) for v in linear(model.head, n, model.Fn - 20, ACC_HEAD)]
        self.position += 1
        return [*tensors, n, logits]

    def _layer(
        self,
        layer: Layer,
        x: list[int],
        angles: list[tuple[int, int]],
        keys: list[list[int]],
        values: list[list[int]],
    ) -> list[list[int]]:
        """Norm, q, k, v, attention output, residual, norm, gate, up, hidden, residual."""
        shape, f = self.model.shape, layer.formats
        norm_bits, bits = self.model.variant.norm_bits, self.model.variant.attention_bits
        hd = shape.hd
        n1 = norm(x, layer.attn_norm, shape.E, f.Fn1, norm_bits)

        q_bias, k_bias, v_bias = layer.biases or ([0] * (shape.H * hd), [0] * (shape.G * hd), [0] * (shape.G * hd))
        q16 = [sat(v + b, 32) for v, b in zip(linear(layer.q, n1, f.Fn1 - 16, ACC_NORM), q_bias)]
        k16 = [sat(v + b, 32) for v, b in zip(linear(layer.k, n1, f.Fn1 - 16, ACC_NORM), k_bias)]
        q = rotate(q16, angles, hd, shape.halves, f.Fq, bits)
        k = rotate(k16, angles, hd, shape.halves, f.Fk, bits)
        v_plain = linear(layer.v, n1, f.Fn1 - f.Fv, ACC_NORM)
        v = [sat(value + rshr(b, 16 - f.Fv), bits) for value, b in zip(v_plain, v_bias)]
        keys.append(k)
        values.append(v)

        attention = []
        for h in range(shape.H):
            key_head = h // (shape.H // shape.G) * hd
            attention += attend(
                q[h * hd : (h + 1) * hd],
                [key[key_head : key_head + hd] for key in keys],
                [value[key_head : key_head + hd] for value in values],
                f.Fq + f.Fk - 12,
            )
        x1 = [sat(a + b, 32) for a, b in zip(x, linear(layer.o, attention, f.Fv - 16, ACC_ATTENTION))]

        n2 = norm(x1, layer.ffn_norm, shape.E, f.Fn2, norm_bits)
        g = [sat(v, 20) for v in linear(layer.gate, n2, f.Fn2 - f.Fg, ACC_NORM)]
        u = [sat(v, 20) for v in linear(layer.up, n2, f.Fn2 - f.Fu, ACC_NORM)]
        products = [hidden(a, b, f.Fg, f.Fu, f.Fh) for a, b in zip(g, u)]
        x2 = [sat(a + b, 32) for a, b in zip(x1, linear(layer.down, products, f.Fh - 16, ACC_HIDDEN))]
        return [n1, q, k, v, attention, x1, n2, g, u, products, x2]
