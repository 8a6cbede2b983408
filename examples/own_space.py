"""A search space of your own: what is decided, and the network that follows.

python examples/own_space.py [--time 10m] [--trials 20] [--output runs/own-space]
"""

from __future__ import annotations

import argparse
from typing import Any

from autoarch import ImageSearch
from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.rescale import Rescale
from autoarch.spaces import SearchSpace
from autoarch.spaces.blocks import classifier, conv


class Funnel(SearchSpace):
    """Convolutions in a row, each of stride 2 and twice as wide as the one before."""

    name = "funnel"

    def architecture(self, hp: Any) -> Architecture:
        width = hp.Choice("width", [8, 16, 32], default=16)
        layers = hp.Int("layers", 1, 3, default=2)
        kernel = hp.Choice("kernel", [3, 5], default=3)
        activation = hp.Choice("activation", ["relu", "silu"], default="silu")
        graph = GraphBuilder(self.input_shape)
        node = graph.add(Rescale(), INPUT, name="rescale")
        for layer in range(layers):
            node = conv(
                graph,
                node,
                width * 2**layer,
                kernel=kernel,
                stride=2 if layer else 1,
                name=f"layer{layer}",
                activation=activation,
            )
        classifier(graph, node, self.classes, dropout=0.1)
        return graph.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", default="10m")
    parser.add_argument("--output", default="runs/own-space")
    parser.add_argument("--trials", type=int)
    arguments = parser.parse_args()
    search = ImageSearch(
        time=arguments.time,
        trials=arguments.trials,
        space=Funnel,
        preset={"width": 8},
        forbidden={"kernel": 5},
        output=arguments.output,
    ).fit("demo:digits")
    print(search.summary())
    print("decisions:", {k: v for k, v in search.best_["decisions"].items() if "/" not in k})
