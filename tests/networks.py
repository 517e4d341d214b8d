"""Networks with random numbers everywhere, run as one program, and compared bit by bit; their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def build(config, **kwargs):
    """A network in which no parameter and no batch statistic has the value that it starts with."""
    graph, state = nnx.split(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0), **kwargs)))
    rng = np.random.default_rng(1)

    def number(path, leaf):
        name = path[-2].key
        if name == "kernel":
            return rng.normal(0, np.sqrt(2 / np.prod(leaf.shape[:-1])), leaf.shape)
        return rng.uniform(*{"var": (0.5, 1.5), "scale": (0.5, 1.5)}.get(name, (-0.5, 0.5)), leaf.shape)

    state = jax.tree_util.tree_map_with_path(lambda *leaf: jnp.asarray(number(*leaf), jnp.float32), state)
    return nnx.merge(graph, state)


def parts(model, *, train):
    """The model as a pytree, the form in which it crosses jit."""
    model.train() if train else model.eval()
    return nnx.split(model)


@jax.jit
def run(model, *inputs):
    """What the network returns, and its state after that."""
    model = nnx.merge(*model)
    return model(*inputs), nnx.state(model)


def count(config):
    """Number of trained parameters."""
    model = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def picture(*, size=16, batch=2, seed=0):
    """Random images, and masks with scattered holes and, in the first, one of 6 x 6 pixels; `size` a side or both."""
    height, width = np.broadcast_to(size, 2)
    rng = np.random.default_rng(seed)
    mask = (rng.random((batch, height, width, 1)) < 0.8).astype(np.float32)
    mask[0, 4:10, 5:11] = 0
    return rng.random((batch, height, width, 3)).astype(np.float32), mask


def with_other_holes(image, mask):
    """The same images with NaN, inf and large numbers in the holes."""
    rubbish = np.resize(np.array([np.nan, np.inf, -1e30], np.float32), image.shape)
    return np.where(mask == 0, rubbish, image)


@jax.jit
def gradients(model, *inputs):
    """Of a random weighting of the output, for every parameter."""
    graph, parameters, rest = nnx.split(nnx.merge(*model), nnx.Param, ...)

    def loss(parameters):
        output = jax.tree.leaves(nnx.merge(graph, parameters, rest, copy=True)(*inputs))[0]
        weights = np.random.default_rng(2).normal(size=output.shape)
        return (output * jnp.asarray(weights, jnp.float32)).sum()

    return nnx.to_pure_dict(jax.grad(loss)(parameters))


def assert_all_reached(found):
    """Every gradient is more than rounding errors."""
    sizes = {
        jax.tree_util.keystr(path): np.abs(leaf).max() for path, leaf in jax.tree_util.tree_leaves_with_path(found)
    }
    largest = max(sizes.values())
    assert np.isfinite(largest)
    # What a batch norm cancels has a gradient of rounding errors, which counts as none.
    assert not {name: size for name, size in sizes.items() if size < 1e-4 * largest}
