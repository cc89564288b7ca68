"""Runs artifacts in whatever plain runtime is installed, without edgemm, and compares with stored outputs."""

import sys

import numpy as np

STEPS = 2
HARD_SWISH_STEPS = 4
"""Of the network "inverted": the old builtin HARD_SWISH rounds in another way, several times in a row."""


def tflite(path):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    first, last = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(array):
        interpreter.set_tensor(first["index"], array)
        interpreter.invoke()
        return interpreter.get_tensor(last["index"])

    return run


def onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array})[0]


def main(where, paths):
    failed = 0
    for path in paths:
        with np.load(path + ".npz") as file:
            inputs, expected, step, scale = (
                file["inputs"],
                file["outputs"],
                float(file["step"]),
                float(file["scale"]),
            )
        run = tflite(path) if path.endswith(".tflite") else onnx(path)
        found = np.stack([run(array) for array in inputs]).astype(np.float64) * scale
        steps = np.abs(found - expected).max() / step
        rows, truth = found.reshape(len(found), -1), expected.reshape(len(expected), -1)
        picked = np.take_along_axis(truth, rows.argmax(1)[:, None], 1)[:, 0]
        other = int((truth.max(1) - picked > STEPS * step).sum())
        allowed = HARD_SWISH_STEPS if "inverted" in path else STEPS
        right = steps <= allowed and other == 0
        failed += not right
        name = path.rsplit("/", 1)[-1]
        print(
            f"{where:22} {name:26} {steps:8.4f} steps, {other} other answers: {'ok' if right else 'FAILED'}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
