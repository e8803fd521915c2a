"""The second implementation of docs/exact-arithmetic.md: integers of Python, its standard library, no code of the engine.

    python3 test/exact/reference.py convert IN.gguf OUT [--wide]      the converted file of X-50; prints its hash and formats
    python3 test/exact/reference.py operators                         the values of test/vectors/exact.json that need no model
    python3 test/exact/reference.py vectors MODEL.gguf [--wide]       the values of one model, its path as exact.json names it
    python3 test/exact/reference.py answers MODEL.gguf REQUESTS.json [--wide]  tokens and trace roots of what test/exact/sameBits asks
    python3 test/exact/reference.py all > test/vectors/exact.json
    python3 test/exact/reference.py random-model test/models/random-qwen2.gguf

`vectors` takes `--positions N` to end each run there. `--check-bounds`, before the command, asserts X-40 at every value.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import bounds
from answers import answer
from convert import convert
from converted import encode
from gguf import Refused, read_gguf
from random_model import write_random_model
from vectors import MODELS, RUNS, all_vectors, model_vectors, operator_vectors


def converted(source: Path, target: Path, wide: bool) -> dict:
    model = convert(read_gguf(source), wide)
    content = encode(model)
    target.write_bytes(content)
    return {
        "variant": model.variant.name,
        "fileBytes": len(content),
        "fileHash": hashlib.sha256(content).hexdigest(),
        "formats": [asdict(layer.formats) for layer in model.layers],
        "Fn": model.Fn,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check-bounds", action="store_true")
    commands = parser.add_subparsers(dest="command", required=True)
    converting = commands.add_parser("convert")
    converting.add_argument("source", type=Path)
    converting.add_argument("target", type=Path)
    converting.add_argument("--wide", action="store_true")
    commands.add_parser("operators")
    running = commands.add_parser("vectors")
    running.add_argument("model")
    running.add_argument("--wide", action="store_true")
    running.add_argument("--positions", type=int)
    answering = commands.add_parser("answers")
    answering.add_argument("model", type=Path)
    answering.add_argument("requests", type=Path)
    answering.add_argument("--wide", action="store_true")
    commands.add_parser("all")
    making = commands.add_parser("random-model")
    making.add_argument("target", type=Path)
    options = parser.parse_args()

    if options.check_bounds:
        bounds.enable()
    if options.command == "random-model":
        write_random_model(options.target)
        result = {"fileHash": hashlib.sha256(options.target.read_bytes()).hexdigest()}
    elif options.command == "convert":
        result = converted(options.source, options.target, options.wide)
    elif options.command == "operators":
        result = operator_vectors()
    elif options.command == "vectors":
        runs = next((runs for file, wide, runs in MODELS if (file, wide) == (options.model, options.wide)), RUNS)
        result = model_vectors(options.model, options.wide, runs, options.positions)
    elif options.command == "answers":
        model = convert(read_gguf(options.model), options.wide)
        result = [answer(model, request) for request in json.loads(options.requests.read_text())]
    else:
        result = all_vectors()
    print(json.dumps(result, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(f"Refused: {refused}.")
