"""One step of ezkl's proof of y = W x for weights and inputs of 8 bits, input and output hashed, all in a folder of its own."""

import asyncio
import inspect
import json
import os
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
    weights = numpy.array(layer["weights"], dtype=numpy.float32).reshape(layer["rows"], layer["columns"])
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


async def main():
    async def wait(result):
        return (await result) if inspect.isawaitable(result) else result

    def logrows():
        return json.load(open(at("settings.json")))["run_args"]["logrows"]

    if step == "prepare":
        write_model()
        args = ezkl.PyRunArgs()
        args.input_visibility = args.output_visibility = "hashed"
        args.param_visibility = "fixed"
        args.input_scale = args.param_scale = 0
        args.scale_rebase_multiplier = 1
        await wait(ezkl.gen_settings(at("model.onnx"), at("settings.json"), args))
        await wait(ezkl.calibrate_settings(at("input.json"), at("model.onnx"), at("settings.json"), "resources", scales=[0]))
        await wait(ezkl.compile_circuit(at("model.onnx"), at("circuit.ezkl"), at("settings.json")))
        await wait(ezkl.gen_srs(at("srs"), logrows()))
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
