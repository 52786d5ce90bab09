"""TensorFlow as it is started: what its graph optimiser may not do."""

import tensorflow as tf
from tensorflow.python.eager import context


def test_sums_of_large_gradients_keep_their_order():
    """Without the switch, this sum of four is made in the order in which its terms are ready, which differs.

    The optimiser acts where it expects a graph to need more than the 256 MiB that TensorFlow takes a CPU to have.
    """
    size = (48, 256, 256, 3)

    @tf.function(autograph=False)
    def gradient(logits, images):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(images, logits))
        return tape.gradient(loss, logits)

    context.context().enable_run_metadata()
    try:
        gradient(tf.ones(size), tf.ones(size))
        graphs = context.context().export_run_metadata().function_graphs
    finally:
        context.context().disable_run_metadata()
    operations = {node.op for graph in graphs for node in graph.post_optimization_graph.node}
    assert "TemporaryVariable" not in operations and operations & {"AddN", "AddV2"}
