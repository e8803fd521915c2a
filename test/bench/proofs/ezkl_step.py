"""One step of ezkl's proof of y = W x for weights and inputs of 8 bits, input and output hashed, all in a folder of its own."""

import asyncio
import inspect
import json
import os
import struct
import sys

import ezkl

folder, step = sys.argv[1:3]


def at(name):
    return os.path.join(folder, name)


def write_model():
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    layer = json.load(open(at("layer.json")))
    # A byte each, row by row: as numbers of Python's they would take gigabytes.
    weights = numpy.fromfile(at("weights"), dtype=numpy.int8).reshape(layer["rows"], layer["columns"]).astype(numpy.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, layer["columns"]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, layer["rows"]])],
        [numpy_helper.from_array(weights.T.copy(), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, at("model.onnx"))
    json.dump({"input_data": [layer["x"]]}, open(at("input.json"), "w"))


POINT = 64


async def write_stand_in(logrows):
    """
    One point over and over in place of powers, which take ezkl minutes for a quarter of a million rows. Keys made of it are worth nothing and cost what
    others cost.
    """
    small = at("small")
    await wait(ezkl.gen_srs(small, 1))
    with open(small, "rb") as file:
        powers = file.read()
    point, behind = powers[4 : 4 + POINT], powers[-4 * POINT :]
    with open(at("srs"), "wb") as file:
        file.write(struct.pack("<I", logrows))
        # As powers of the secret and as Lagrange points.
        for _ in range(2 * 2**logrows >> 10):
            file.write(point * 1024)
        file.write(behind)


async def wait(result):
    return (await result) if inspect.isawaitable(result) else result


async def main():
    def logrows():
        return json.load(open(at("settings.json")))["run_args"]["logrows"]

    if step == "model":
        write_model()
    if step == "compile":
        args = ezkl.PyRunArgs()
        args.input_visibility = args.output_visibility = "hashed"
        args.param_visibility = "fixed"
        args.input_scale = args.param_scale = 0
        args.scale_rebase_multiplier = 1
        await wait(ezkl.gen_settings(at("model.onnx"), at("settings.json"), args))
        await wait(ezkl.calibrate_settings(at("input.json"), at("model.onnx"), at("settings.json"), "resources", scales=[0]))
        await wait(ezkl.compile_circuit(at("model.onnx"), at("circuit.ezkl"), at("settings.json")))
    if step == "powers":
        await wait(ezkl.gen_srs(at("srs"), logrows()))
    if step == "standIn":
        await write_stand_in(logrows())
    if step == "setup":
        await wait(ezkl.setup(at("circuit.ezkl"), at("vk"), at("pk"), at("srs")))
    if step == "witness":
        await wait(ezkl.gen_witness(at("input.json"), at("circuit.ezkl"), at("witness.json")))
    if step == "prove":
        await wait(ezkl.prove(at("witness.json"), at("circuit.ezkl"), at("pk"), at("proof.json"), at("srs")))
    if step == "verify":
        assert await wait(ezkl.verify(at("proof.json"), at("settings.json"), at("vk"), at("srs")))
    if step == "sizes":
        print(json.dumps({"logrows": logrows(), "keyBytes": os.path.getsize(at("pk"))}))


asyncio.run(main())
