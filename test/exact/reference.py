"""The second implementation of docs/exact-arithmetic.md: Python integers, the standard library, no code shared with the engine.

    python3 test/exact/reference.py convert IN.gguf OUT [--wide]    writes the converted file of X-50, prints its hash and formats
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from convert import Model, convert
from converted import encode
from gguf import read_gguf


def describe(model: Model, content: bytes) -> dict:
    return {
        "variant": model.variant.name,
        "fileBytes": len(content),
        "fileHash": hashlib.sha256(content).hexdigest(),
        "frequencies": [str(f) for f in model.frequencies],
        "formats": [asdict(layer.formats) for layer in model.layers],
        "Fn": model.Fn,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    converting = commands.add_parser("convert")
    converting.add_argument("source", type=Path)
    converting.add_argument("target", type=Path)
    converting.add_argument("--wide", action="store_true")
    options = parser.parse_args()
    if options.command == "convert":
        model = convert(read_gguf(options.source), options.wide)
        content = encode(model)
        options.target.write_bytes(content)
        print(json.dumps(describe(model, content), indent=1))


if __name__ == "__main__":
    main()
