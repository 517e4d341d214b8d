"""VGG16 weights in every form of file that is read."""

import h5py
import numpy as np
import safetensors.numpy
from vgg_reference import NAMES

TORCHVISION = dict(
    zip([n for n in NAMES if "conv" in n], (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), strict=True)
)


def flat(params, preprocessing):
    """Names and arrays of a Keras-like or a torchvision-like file."""
    if preprocessing == "caffe":
        return {f"{name}/{key}": value for name, layer in params.items() for key, value in layer.items()}
    entries = {}
    for name, layer in params.items():
        entries[f"features.{TORCHVISION[name]}.weight"] = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        entries[f"features.{TORCHVISION[name]}.bias"] = layer["bias"]
    return entries


def save_h5(path, entries):
    with h5py.File(path, "w") as file:
        for name, value in entries.items():
            file[name] = value


def save_npz(path, entries):
    with open(path, "wb") as stream:  # given a name, np.savez would add .npz to it
        np.savez(stream, **entries)


def published(params):
    names = {"kernel": "W", "bias": "b"}
    return {f"{n}/{n}_{names[k]}_1:0": v for n, layer in params.items() for k, v in layer.items()}


def whole_model(params):
    entries = {f"model_weights/{n}/vgg16/{n}/{k}:0": v for n, layer in params.items() for k, v in layer.items()}
    moments = {f"optimizer_weights/adam/m/{n}/{k}:0": v + 1 for n, layer in params.items() for k, v in layer.items()}
    return entries | moments


SAVERS = {
    "caffe h5 as published": lambda p, w: save_h5(
        p, published(w) | {"block1_pool/note": 0, "fc1/fc1_b_1:0": np.ones(4)}
    ),
    "caffe h5 later": lambda p, w: save_h5(p, {f"{n}/{n}/{k}:0": v for n, x in w.items() for k, v in x.items()}),
    "caffe h5 whole model": lambda p, w: save_h5(p, whole_model(w)),
    "caffe npz": lambda p, w: save_npz(p, flat(w, "caffe")),
    "caffe safetensors": lambda p, w: safetensors.numpy.save_file(flat(w, "caffe"), p),
    "torchvision npz": lambda p, w: save_npz(p, flat(w, "torchvision")),
    "torchvision safetensors": lambda p, w: safetensors.numpy.save_file(
        flat(w, "torchvision") | {"classifier.6.bias": np.zeros(1000, np.float32)}, p
    ),
}
