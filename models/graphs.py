"""What TensorFlow keeps of the graphs that it traces."""

from contextlib import contextmanager

from tensorflow.python.framework.ops import gradient_registry


@contextmanager
def custom_gradients_let_go():
    """Forget the custom gradients, such as that of silu, that are registered within the block.

    TensorFlow looks them up where it differentiates a graph that is being traced, but keeps them, and with each its
    graph, for ever: 10 MB and more a model.
    """
    before = set(gradient_registry.list())
    yield
    for name in set(gradient_registry.list()) - before:
        del gradient_registry._registry[name]
