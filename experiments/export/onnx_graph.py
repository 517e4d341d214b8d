"""A graph of ONNX that grows call by call; a tensor is known by its name. Channels in front, `[N, C, H, W]`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

OPSET = 17
_FLOAT = 1  # `onnx.TensorProto.FLOAT`
_IR_VERSION = 8  # of that opset's time, so that earlier runtimes read the file


class Graph:
    """The nodes and the constants of a graph."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._names: dict[tuple[Any, ...], str] = {}

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node with one output.

        Args:
            operator: of ONNX, such as "Conv".
            inputs: names of its inputs; "" for one that is left out.
            output: name of its output; by default a new one.
            attributes: of the operator.

        Returns:
            Name of the output.
        """
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def constant(self, value: np.ndarray | float | Sequence[int]) -> str:
        """Name of a constant: an array, a float32, or whole numbers; equal ones are kept once."""
        from onnx import numpy_helper

        array = np.asarray(value, np.int64 if isinstance(value, Sequence) else np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names)}"
            self._constants[self._names[key]] = numpy_helper.from_array(array, self._names[key])
        return self._names[key]

    def add(self, x: str, *others: str) -> str:
        """Their sum."""
        for other in others:
            x = self.node("Add", x, other)
        return x

    def multiply(self, x: str, *others: str) -> str:
        """Their product."""
        for other in others:
            x = self.node("Mul", x, other)
        return x

    def number(self, condition: str) -> str:
        """1 where a condition holds and 0 elsewhere, float32."""
        return self.node("Cast", condition, to=_FLOAT)

    def divide(self, sums: str, weights: str) -> str:
        """The sums by the weights where these are not 0; where they are, the sums."""
        empty = self.node("Equal", weights, self.constant(0.0))
        return self.node("Div", sums, self.node("Where", empty, self.constant(1.0), weights))

    def convolve(
        self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None, *, stride: int = 1, padding: int = 0
    ) -> str:
        """A convolution.

        Args:
            x: name of the features.
            kernel: `[h, w, C, O]`.
            bias: `[O]`.
            stride: both ways, px.
            padding: zeros on each side, px.
        """
        inputs = [x, self.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))]
        inputs += [] if bias is None else [self.constant(bias)]
        return self.node("Conv", *inputs, strides=[stride] * 2, pads=[padding] * 4, kernel_shape=kernel.shape[:2])

    def convolve_each(
        self, x: str, channels: int, kernel: np.ndarray, *, stride: int = 1, pads: Sequence[int] = (1, 1, 1, 1)
    ) -> str:
        """Each channel convolved with one kernel `[h, w]`; `pads` are zeros at top, left, bottom and right, px."""
        weights = np.broadcast_to(kernel, (channels, 1, *kernel.shape))
        return self.node(
            "Conv",
            x,
            self.constant(np.ascontiguousarray(weights, np.float32)),
            group=channels,
            strides=[stride] * 2,
            pads=list(pads),
            kernel_shape=kernel.shape,
        )

    def double(self, x: str) -> str:
        """Twice the size, each pixel repeated."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", x, "", scales, **how)

    def size(self, x: str) -> str:
        """Height and width of `[N, C, H, W]`, as two whole numbers."""
        return self.node("Slice", self.node("Shape", x), self.constant([2]), self.constant([4]))

    def ones(self, x: str) -> str:
        """Ones of one channel, `[N, 1, H, W]`, in the size of `[N, C, H, W]`."""
        shape = self.node("Shape", x)
        images = self.node("Slice", shape, self.constant([0]), self.constant([1]))
        one = self.node("Concat", images, self.constant([1]), self.size(x), axis=0)
        return self.node("Expand", self.constant(1.0), one)

    def crop(self, x: str, size: str) -> str:
        """The upper left part of a size."""
        return self.node("Slice", x, self.constant([0, 0]), size, self.constant([2, 3]))

    def pad(self, x: str, multiple: int) -> str:
        """Zeros below and to the right, to a multiple of so many px both ways."""
        size, unit = self.size(x), self.constant([multiple, multiple])
        more = self.node("Mod", self.node("Sub", unit, self.node("Mod", size, unit)), unit)
        pads = self.node("Concat", self.constant([0] * 6), more, axis=0)
        return self.node("Pad", x, pads)

    def model(self, name: str, inputs: dict[str, int], outputs: dict[str, int], *, facts: dict[str, str]) -> Any:
        """The finished model.

        Args:
            name: of the graph.
            inputs: channels of each input, by its name; images have the layout `[N, H, W, C]`.
            outputs: likewise.
            facts: texts by name, that are kept in the file.

        Returns:
            A checked `onnx.ModelProto`.
        """
        import onnx
        from onnx import helper

        def values(tensors: dict[str, int]) -> list[Any]:
            return [
                helper.make_tensor_value_info(each, _FLOAT, ["images", "height", "width", channels])
                for each, channels in tensors.items()
            ]

        graph = helper.make_graph(self._nodes, name, values(inputs), values(outputs), list(self._constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
        model.producer_name = "pconv_jax"
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model
