"""Runs artifacts in whatever plain runtime is installed, without edgemm, and compares with stored outputs."""

import sys

import numpy as np

STEPS = 2
STEPS_OF = {"transformer": 4}
"""More where products that only newer XNNPACK has round halves otherwise in an older runtime."""
FURTHER = 1.2
"""The most by which a runtime's answers may be further from the float file's than they are here, of integer files."""


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


def rms(array):
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def main(where, paths):
    failed = 0
    for path in paths:
        with np.load(path + ".npz") as file:
            inputs, expected, truth = file["inputs"], file["outputs"], file["truth"]
            step, scale = float(file["step"]), float(file["scale"])
        run = tflite(path) if path.endswith(".tflite") else onnx(path)
        found = np.stack([run(array) for array in inputs]).astype(np.float64) * scale
        steps = np.abs(found - expected).max() / step
        rows, known = found.reshape(len(found), -1), expected.reshape(len(expected), -1)
        picked = np.take_along_axis(known, rows.argmax(1)[:, None], 1)[:, 0]
        other = int((known.max(1) - picked > STEPS * step).sum())
        further = 1.0 if ".float." in path else (rms(found - truth) + 1e-9) / (rms(expected - truth) + 1e-9)
        allowed = STEPS_OF.get(path.rsplit("/", 1)[-1].split(".", 1)[0], STEPS)
        right = steps <= allowed and other == 0 and further <= FURTHER
        failed += not right
        name = path.rsplit("/", 1)[-1]
        print(
            f"{where:22} {name:26} {steps:8.4f} steps, {other} other answers, "
            f"{further:.2f} as far from float: {'ok' if right else 'FAILED'}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
