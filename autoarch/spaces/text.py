"""Networks for texts: bags of n-grams, convolutions, attention, and mixtures of them."""

from __future__ import annotations

from typing import Any, ClassVar

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.columns import Columns
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.embedding_bag import EmbeddingBag
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling1d import GlobalAveragePool1D, GlobalMaxPool1D
from autoarch.architecture.ops.self_attention import SelfAttention
from autoarch.architecture.ops.separable_conv1d import SeparableConv1D
from autoarch.spaces.space import SearchSpace
from autoarch.training.recipe import Recipe, decide_training

GRAMS = {"words": 0, "bigrams": 1, "trigrams": 2}
"""Longest word n-grams of a bag: so many columns after the first."""
NETWORKS = ("bag", "cnn", "bag+cnn", "separable", "bag+separable", "dilated", "attention")
ACTIVE_CNN = [network for network in NETWORKS if network != "bag"]
ACTIVE_BAG = [network for network in NETWORKS if network.startswith("bag")]


class TextSpace(SearchSpace):
    """A bag of word and character n-grams, a network along the words, or both, and logits.

    Args:
        input_shape: `(rows, columns)` of ids, as `autoarch.data.tokenizer` gives them.
        classes: Number of classes.
        words: Ids in column 0.
        buckets: Hashed ids are 1 to `buckets`.
        width: Length of the bag's vectors in trial 0.
        recipe: Recipe of trial 0.

    Source: Joulin et al. (2017) for the bag; Kim (2014) for the convolutions; Yu and Koltun
    (2016) for dilation; Vaswani et al. (2017) for attention.

    Example:
        >>> space = TextSpace((16, 23), 6, words=1000, buckets=500)
        >>> space.candidate({}).architecture.output_shape
        (6,)
    """

    name: ClassVar[str] = "text"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        words: int,
        buckets: int,
        width: int = 32,
        recipe: Recipe | None = None,
    ):
        super().__init__(input_shape, classes, recipe=recipe)
        self.words, self.buckets, self.width = words, buckets, width

    def recipe(self, hp: Any) -> Recipe:
        return decide_training(hp, self.default_recipe)

    def architecture(self, hp: Any) -> Architecture:
        network = hp.Choice("network", list(NETWORKS), default="bag")
        dropout = hp.Choice("dropout", [0.2, 0.35, 0.5], default=0.5)
        with hp.conditional_scope("network", ACTIVE_BAG):
            size = hp.Choice("bag/size", sorted({16, 32, 64, self.width}), default=self.width)
            grams = hp.Choice("bag/grams", list(GRAMS), default="bigrams")
            hidden = hp.Choice("bag/hidden", [0, 64], default=0)
            characters = hp.Boolean("bag/characters", default=True)
        with hp.conditional_scope("network", ACTIVE_CNN):
            embedding = hp.Choice("embedding", [32, 64, 96], default=64)
            filters = hp.Choice("filters", [48, 96, 128], default=96)
            subwords = hp.Boolean("subwords", default=True)
            pooling = hp.Choice("pooling", ["max", "average", "both"], default="max")
        with hp.conditional_scope("network", ["cnn", "bag+cnn"]):
            kernels = hp.Choice("kernels", ["23", "234", "2345"], default="234")

        graph = GraphBuilder(self.input_shape, "int32")
        branches = []
        if network.startswith("bag"):
            branches.append(self._bag(graph, size, GRAMS[grams], characters, hidden))
        along = network.removeprefix("bag").removeprefix("+")
        if along:
            node = self._embedded(graph, embedding, subwords)
            node = graph.add(Dropout(0.2), node, name="embedding/dropout")
            branches += self._along(graph, node, along, filters, kernels, pooling)
        node = branches[0]
        if len(branches) > 1:
            node = graph.add(Concat(), *branches, name="joined")
        node = graph.add(Dropout(dropout), node, name="dropout")
        graph.add(Dense(self.classes), node, name="logits")
        return graph.finish()

    def _bag(
        self, graph: GraphBuilder, size: int, grams: int, characters: bool, hidden: int
    ) -> str:
        columns = self.input_shape[1]
        words = graph.add(Columns(0, 1), INPUT, name="bag/words")
        parts = [graph.add(EmbeddingBag(self.words, size), words, name="bag/word_vectors")]
        if grams:
            ids = graph.add(Columns(1, grams), INPUT, name="bag/grams")
            bag = EmbeddingBag(self.buckets + 1, size)
            parts.append(graph.add(bag, ids, name="bag/gram_vectors"))
        if characters:
            ids = graph.add(Columns(3, columns - 3), INPUT, name="bag/characters")
            bag = EmbeddingBag(self.buckets + 1, size)
            parts.append(graph.add(bag, ids, name="bag/character_vectors"))
        node = graph.add(Concat(), *parts, name="bag/joined") if len(parts) > 1 else parts[0]
        if hidden:
            node = graph.add(Dropout(0.5), node, name="bag/dropout")
            node = graph.add(Dense(hidden), node, name="bag/hidden")
            node = graph.add(Activation("relu"), node, name="bag/relu")
        return node

    def _embedded(self, graph: GraphBuilder, size: int, subwords: bool) -> str:
        ids = graph.add(Columns(0, 1), INPUT, name="words")
        node = graph.add(EmbeddingBag(self.words, size, True), ids, name="word_vectors")
        if not subwords:
            return node
        runs = graph.add(Columns(3, self.input_shape[1] - 3), INPUT, name="subwords")
        bag = EmbeddingBag(self.buckets + 1, size, True)
        vectors = graph.add(bag, runs, name="subword_vectors")
        return graph.add(Add(), node, vectors, name="token_vectors")

    @staticmethod
    def _along(
        graph: GraphBuilder, node: str, kind: str, filters: int, kernels: Any, pooling: str
    ) -> list[str]:
        if kind == "cnn":
            ends = [graph.add(Conv1D(filters, int(k)), node, name=f"conv{k}/conv") for k in kernels]
            ends = [graph.add(Activation("relu"), end, name=f"{end}_relu") for end in ends]
        elif kind == "separable":
            for number in (1, 2):
                conv = SeparableConv1D(filters, 3)
                node = graph.add(conv, node, name=f"separable{number}/conv")
                node = graph.add(Activation("relu"), node, name=f"separable{number}/relu")
            ends = [node]
        elif kind == "dilated":
            for dilation in (1, 2, 4):
                conv1d = Conv1D(filters, 3, dilation)
                node = graph.add(conv1d, node, name=f"dilated{dilation}/conv")
                node = graph.add(Activation("relu"), node, name=f"dilated{dilation}/relu")
            ends = [node]
        else:
            features = graph.shape(node)[-1]
            ends = [graph.add(SelfAttention(4, features // 4), node, name="attention")]
        pooled = []
        for end in ends:
            if pooling in ("max", "both"):
                pooled.append(graph.add(GlobalMaxPool1D(), end, name=f"{end}_max"))
            if pooling in ("average", "both"):
                pooled.append(graph.add(GlobalAveragePool1D(), end, name=f"{end}_average"))
        return pooled
