"""Rules X-20 to X-31, X-70 and X-71 together: what a model answers to requests."""

from choice import choose
from convert import Model
from forward import Forward
from trace import BLOCKS, OPERATORS, trace_root

LEVELS = {"blocks": BLOCKS, "operators": OPERATORS}


def answer(model: Model, request: dict) -> dict:
    """`limit` tokens, whatever they are, and the trace over the prompt and all of them but the last."""
    identity, prompt = bytes.fromhex(request["requestId"]), request["prompt"]
    forward = Forward(model)
    steps = [forward.step(token) for token in prompt]
    tokens: list[int] = []
    while True:
        tokens.append(choose(steps[-1][-1], request["temperatureMicro"], identity, len(tokens)))
        if len(tokens) == request["limit"]:
            break
        steps.append(forward.step(tokens[-1]))
    narrow = model.variant.code == 0
    root = trace_root(steps, len(model.layers), narrow, LEVELS[request["level"]], len(prompt))
    return {"outputTokens": tokens, "traceRoot": root.hex()}
