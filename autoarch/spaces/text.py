"""Networks for texts: bags of n-grams, convolutions, attention, recurrence, and mixtures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.blend import Blend
from autoarch.architecture.ops.columns import Columns
from autoarch.architecture.ops.conv1d import Conv1D
from autoarch.architecture.ops.dense import Dense
from autoarch.architecture.ops.dropout import Dropout
from autoarch.architecture.ops.embedding_bag import SCALES, EmbeddingBag
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling1d import GlobalAveragePool1D, GlobalMaxPool1D
from autoarch.architecture.ops.recurrent import Recurrent
from autoarch.architecture.ops.self_attention import SelfAttention
from autoarch.architecture.ops.separable_conv1d import SeparableConv1D
from autoarch.spaces.space import Candidate, SearchSpace
from autoarch.training.recipe import Recipe, decide_training

TOKENS = (
    "words",
    "words+bigrams",
    "words+bigrams+trigrams",
    "subwords",
    "words+subwords",
    "words+bigrams+subwords",
    "words+bigrams+trigrams+subwords",
)
"""What a text is read as, decided for bags and for networks along a text each: words of the
vocabulary (in scripts without spaces these are single characters), word n-grams, and subwords, runs
of three and four characters of a word with its ends marked. All but words are hashed."""
PLAIN = ("bag", "cnn", "bag+cnn", "separable", "bag+separable", "dilated", "attention")
RECURRENT = ("gru", "bag+gru", "lstm")
MIXTURE = "bag+cnn"
"""The best network by hand, of those without the linear model."""
LINEAR = "linear/"
"""What the nodes of the linear model's part begin with."""


class TextSpace(SearchSpace):
    """A bag of word and character n-grams, a network along the words, or both, and logits.

    Args:
        input_shape: `(rows, columns)` of ids, as `autoarch.data.tokenizer` gives them.
        classes: Number of classes.
        words: Ids in column 0.
        buckets: Hashed ids are 1 to `buckets`.
        width: Length of the tokens' vectors in trial 0; those of its bag have a quarter.
        network: Trial 0's, one of `PLAIN`.
        recipe: Recipe of trial 0.
        scales: Of the ids by `(first column, number of columns)`, such as inverse document
            frequencies; ones where None.
        linear: Tables `(ids, classes)` of a linear model, by `(first column, number of columns)` as
            in `scales`, or None; networks may be blended with it.
        vectors: Pretrained vectors of the words, `(words, size)`, or None.
        unspaced: Whether most tokens are single characters, as in Chinese.
        recurrent: Whether networks may be recurrent; phones run those badly.

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
        width: int = 64,
        network: str = "bag",
        recipe: Recipe | None = None,
        scales: Mapping[tuple[int, int], npt.NDArray[Any]] | None = None,
        linear: Mapping[tuple[int, int], npt.NDArray[Any]] | None = None,
        vectors: npt.NDArray[Any] | None = None,
        unspaced: bool = False,
        recurrent: bool = True,
    ):
        super().__init__(input_shape, classes, width=width, recipe=recipe)
        self.words, self.buckets = words, buckets
        self.network, self.unspaced = network, unspaced
        self._scales, self._linear, self._vectors = scales or {}, linear, vectors
        self._networks = PLAIN + RECURRENT if recurrent else PLAIN

    def recipe(self, hp: Any) -> Recipe:
        return decide_training(hp, self.default_recipe)

    def yardstick(self) -> Candidate:
        return self.candidate({"network": MIXTURE})

    def constants(self, architecture: Architecture) -> dict[str, npt.NDArray[Any]]:
        """The scales of the bags, the linear model, and the pretrained vectors."""
        nodes = {node.name: node for node in architecture.live_nodes}
        found = {}
        for node in architecture.live_nodes:
            if not isinstance(node.op, EmbeddingBag):
                continue
            columns = nodes[node.inputs[0]].op
            assert isinstance(columns, Columns)
            group = columns.start, columns.count
            if node.op.scaled and group in self._scales:
                found[node.layer_name + SCALES] = self._scales[group][:, None]
            if node.name.startswith(LINEAR) and self._linear is not None:
                found[f"{node.layer_name}/embeddings"] = self._linear[group]
            elif node.op.frozen and self._vectors is not None:
                found[f"{node.layer_name}/embeddings"] = self._vectors
        return found

    def architecture(self, hp: Any) -> Architecture:
        network = hp.Choice("network", list(self._networks), default=self.network)
        along = [name for name in self._networks if name != "bag"]
        dropout = hp.Choice("dropout", [0.2, 0.35, 0.5], default=0.5)
        pretrained = self._vectors is not None and hp.Boolean("pretrained", default=True)
        given = 0.0
        if self._linear is not None:
            given = hp.Choice("linear", [0.0, 0.5, 0.7, 0.85], default=0.7)
        with hp.conditional_scope("network", [n for n in self._networks if n.startswith("bag")]):
            bag = {
                "size": hp.Choice(
                    "bag/size", sorted({0, 16, 32, self.width // 4}), default=self.width // 4
                ),
                "tokens": hp.Choice(
                    "bag/tokens",
                    list(TOKENS),
                    default="words+bigrams" if self.unspaced else "words+bigrams+subwords",
                ),
                "scaled": hp.Choice("bag/weights", ["idf", "none"], default="idf") == "idf",
            }
            hidden = hp.Boolean("bag/relu", default=False)
        with hp.conditional_scope("network", along):
            embedding = hp.Choice(
                "embedding", sorted({16, 32, 64, 96, self.width}), default=self.width
            )
            filters = hp.Choice("filters", [48, 96, 128], default=96)
            usual = "words+bigrams" if self.unspaced else "words+subwords"
            tokens = hp.Choice("tokens", list(TOKENS), default=usual)
            pooling = hp.Choice("pooling", ["max", "average", "both"], default="max")
        with hp.conditional_scope("network", ["cnn", "bag+cnn"]):
            kernels = hp.Choice("kernels", ["23", "234", "2345"], default="234")

        graph = GraphBuilder(self.input_shape, "int32")
        branches, straight = [], []
        if network.startswith("bag"):
            bags = self._bag(graph, pretrained, **bag)
            if bag["size"]:
                branches.append(bags if not hidden else self._relu(graph, bags, "bag/relu"))
            else:
                straight.append(bags)
        kind = network.removeprefix("bag").removeprefix("+")
        if kind:
            node = self._embedded(graph, embedding, tokens, pretrained)
            node = graph.add(Dropout(0.2), node, name="embedding/dropout")
            branches += self._along(graph, node, kind, filters, kernels, pooling)
        if branches:
            node = self._joined(graph, branches, "joined")
            node = graph.add(Dropout(dropout), node, name="dropout")
            straight.append(graph.add(Dense(self.classes), node, name="logits"))
        logits = straight[0]
        if len(straight) > 1:
            logits = graph.add(Add(), *straight, name="sum")
        if given:
            graph.add(Blend(given), logits, self._linear_logits(graph), name="blend")
        return graph.finish()

    def _linear_logits(self, graph: GraphBuilder) -> str:
        assert self._linear is not None
        parts = []
        for (start, count), table in self._linear.items():
            columns = graph.add(Columns(start, count), INPUT, name=f"{LINEAR}columns{start}")
            op = EmbeddingBag(len(table), self.classes, scaled=True, frozen=True)
            parts.append(graph.add(op, columns, name=f"{LINEAR}table{start}"))
        return graph.add(Add(), *parts, name=f"{LINEAR}logits") if len(parts) > 1 else parts[0]

    def _groups(self, tokens: str) -> list[tuple[str, Columns, int]]:
        """What one of `TOKENS` consists of: names, columns of ids, and how many ids there are."""
        parts, hashed = tokens.split("+"), self.buckets + 1
        grams = ("bigrams" in parts) + ("trigrams" in parts)
        groups = []
        if "words" in parts:
            groups.append(("word", Columns(0, 1), self.words))
        if grams:
            groups.append(("gram", Columns(1, grams), hashed))
        if "subwords" in parts:
            groups.append(("subword", Columns(3, self.input_shape[1] - 3), hashed))
        return groups

    def _bag(
        self, graph: GraphBuilder, pretrained: bool, *, size: int, tokens: str, scaled: bool
    ) -> str:
        """Vectors of the whole text side by side; or, of size 0, logits: a linear model."""
        parts = []
        for name, columns, count in self._groups(tokens):
            ids = graph.add(columns, INPUT, name=f"bag/{name}s")
            op = EmbeddingBag(count, size or self.classes, scaled=scaled, from_zero=not size)
            parts.append(graph.add(op, ids, name=f"bag/{name}_vectors"))
        if size and pretrained:
            parts.append(self._pretrained(graph, "bag/pretrained", per_row=False))
        if size or len(parts) == 1:
            return self._joined(graph, parts, "bag/joined")
        return graph.add(Add(), *parts, name="bag/logits")

    def _pretrained(self, graph: GraphBuilder, name: str, *, per_row: bool) -> str:
        assert self._vectors is not None
        words = graph.add(Columns(0, 1), INPUT, name=f"{name}/words")
        op = EmbeddingBag(self.words, int(self._vectors.shape[1]), per_row, frozen=True)
        return graph.add(op, words, name=name)

    def _embedded(self, graph: GraphBuilder, size: int, tokens: str, pretrained: bool) -> str:
        """One vector for each token: the sum of those of its parts."""
        parts = []
        for name, columns, count in self._groups(tokens):
            ids = graph.add(columns, INPUT, name=f"{name}s")
            parts.append(graph.add(EmbeddingBag(count, size, True), ids, name=f"{name}_vectors"))
        node = parts[0] if len(parts) == 1 else graph.add(Add(), *parts, name="token_vectors")
        if not pretrained:
            return node
        known = self._pretrained(graph, "pretrained", per_row=True)
        return graph.add(Concat(), node, known, name="with_pretrained")

    @staticmethod
    def _joined(graph: GraphBuilder, parts: list[str], name: str) -> str:
        return graph.add(Concat(), *parts, name=name) if len(parts) > 1 else parts[0]

    @staticmethod
    def _relu(graph: GraphBuilder, node: str, name: str) -> str:
        return graph.add(Activation("relu"), node, name=name)

    def _along(
        self, graph: GraphBuilder, node: str, kind: str, filters: int, kernels: Any, pooling: str
    ) -> list[str]:
        if kind == "cnn":
            convs = [
                graph.add(Conv1D(filters, int(k)), node, name=f"conv{k}/conv") for k in kernels
            ]
            ends = [self._relu(graph, conv, f"{conv}_relu") for conv in convs]
        elif kind == "separable":
            for number in (1, 2):
                conv = SeparableConv1D(filters, 3)
                node = graph.add(conv, node, name=f"separable{number}/conv")
                node = self._relu(graph, node, f"separable{number}/relu")
            ends = [node]
        elif kind == "dilated":
            for dilation in (1, 2, 4):
                conv1d = Conv1D(filters, 3, dilation)
                node = graph.add(conv1d, node, name=f"dilated{dilation}/conv")
                node = self._relu(graph, node, f"dilated{dilation}/relu")
            ends = [node]
        elif kind == "attention":
            features = graph.shape(node)[-1]
            ends = [graph.add(SelfAttention(4, features // 4), node, name="attention")]
        else:
            ends = [graph.add(Recurrent(filters // 2, kind), node, name="recurrent")]
        pooled = []
        for end in ends:
            if pooling in ("max", "both"):
                pooled.append(graph.add(GlobalMaxPool1D(), end, name=f"{end}_max"))
            if pooling in ("average", "both"):
                pooled.append(graph.add(GlobalAveragePool1D(), end, name=f"{end}_average"))
        return pooled
