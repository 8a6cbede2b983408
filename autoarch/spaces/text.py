"""Networks for texts: bags of n-grams, convolutions, attention, recurrence, and any two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from autoarch.architecture.ops.layer_norm import LayerNorm
from autoarch.architecture.ops.merge import Add, Concat
from autoarch.architecture.ops.pooling1d import GlobalAveragePool1D, GlobalMaxPool1D
from autoarch.architecture.ops.recurrent import Recurrent
from autoarch.architecture.ops.self_attention import SelfAttention
from autoarch.architecture.ops.separable_conv1d import SeparableConv1D
from autoarch.spaces.blocks1d import HEADS
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
BAG = "bag"
PLAIN = (BAG, "cnn", "separable", "dilated", "attention")
RECURRENT = ("gru", "lstm")
ALONE = "none"
"""The value of `second` for a network of one branch."""
BRANCHES = ("network", "second")
"""The decisions that say which branches there are. The same one twice is that one alone."""
MIXTURE = "bag+cnn"
"""The best network by hand, of those without the linear model."""
LINEAR = "linear/"
"""What the nodes of the linear model's part begin with."""


class TextSpace(SearchSpace):
    """A bag of word and character n-grams, networks along the words, or two such branches; logits.

    Any two branches go together. Networks along the words read the same vectors of tokens.

    Args:
        input_shape: `(rows, columns)` of ids, as `autoarch.data.tokenizer` gives them.
        classes: Number of classes.
        words: Ids in column 0.
        buckets: Hashed ids are 1 to `buckets`.
        width: Length of the tokens' vectors in trial 0; those of its bag have a quarter.
        network: Trial 0's, one of `PLAIN`, or two of them with a plus, as `MIXTURE`.
        recipe: Recipe of trial 0.
        scales: Of the ids by `(first column, number of columns)`, such as inverse document
            frequencies; ones where None.
        linear: Tables `(ids, classes)` of a linear model, by `(first column, number of columns)` as
            in `scales`, or None; networks may be blended with it.
        vectors: Pretrained vectors of the words, `(words, size)`, or None.
        unspaced: Whether most tokens are single characters, as in Chinese.
        recurrent: Whether networks may be recurrent; phones run those badly.

    Source: Joulin et al. (2017) for the bag; Kim (2014) for the convolutions; Yu and Koltun
    (2016) for dilation; Vaswani et al. (2017), section 3.1, for blocks of attention; Chu et al.
    (2021), "Conditional positional encodings for vision transformers", for their positions.

    Example:
        >>> space = TextSpace((16, 23), 6, words=1000, buckets=500)
        >>> space.candidate({}).architecture.output_shape
        (6,)
    """

    name: ClassVar[str] = "text"
    member_epochs: ClassVar[float] = 8.0
    enough_epochs: ClassVar[float] = 60.0

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
        self.unspaced = unspaced
        self.network, _, second = network.partition("+")
        self.second = second or ALONE
        self._scales, self._linear, self._vectors = scales or {}, linear, vectors
        self._kinds = [*PLAIN, *RECURRENT] if recurrent else list(PLAIN)

    def recipe(self, hp: Any) -> Recipe:
        recipe, usual = decide_training(hp, self.default_recipe), self.default_recipe.adversarial
        moves = hp.Choice("recipe/adversarial", sorted({0.0, usual / 2, usual}), default=usual)
        return replace(recipe, adversarial=moves)

    def yardstick(self) -> Candidate:
        return self.candidate(dict(zip(BRANCHES, MIXTURE.split("+"))))

    def companions(self) -> tuple[Mapping[str, Any], ...]:
        """Of dilated convolutions. The linear model has a smaller share in them: an average knows
        more of its own."""
        if (self.network, self.second) != ("dilated", ALONE):
            return ()
        blended = {} if self._linear is None else {"linear": 0.3}
        return ({"network": "cnn", **blended}, {"dropout": 0.35, **blended})

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
        network = hp.Choice("network", self._kinds, default=self.network)
        second = hp.Choice("second", [ALONE, *self._kinds], default=self.second)
        dropout = hp.Choice("dropout", [0.2, 0.35, 0.5], default=0.5)
        pretrained = self._vectors is not None and hp.Boolean("pretrained", default=True)
        given = 0.0
        if self._linear is not None:
            usual = 0.7 if self.network == BAG else 0.5
            given = hp.Choice("linear", [0.0, 0.3, 0.5, 0.7, 0.85], default=usual)
        bag = self._bag_decisions(hp)
        along = self._along_decisions(hp)

        graph = GraphBuilder(self.input_shape, "int32")
        branches, straight = [], []
        kinds = [kind for kind in self._kinds if kind in (network, second)]
        if BAG in kinds:
            bags = self._bag(graph, pretrained, bag)
            if not bag["size"]:
                straight.append(bags)
            else:
                branches.append(self._relu(graph, bags, "bag/relu") if bag["relu"] else bags)
        if kinds != [BAG]:
            node = self._embedded(graph, along["embedding"], along["tokens"], pretrained)
            if along["embedding/dropout"]:
                rate = Dropout(along["embedding/dropout"])
                node = graph.add(rate, node, name="embedding/dropout")
            for kind in kinds:
                if kind != BAG:
                    branches += self._along(graph, node, kind, along)
        if branches:
            node = self._joined(graph, branches, "joined")
            node = graph.add(Dropout(dropout), node, name="dropout")
            straight.append(graph.add(Dense(self.classes), node, name="logits"))
        logits = straight[0]
        if len(straight) > 1:
            logits = graph.add(Add(), *straight, name="logits/sum")
        if given:
            graph.add(Blend(given), logits, self._linear_logits(graph), name="blend")
        return graph.finish()

    def _bag_decisions(self, hp: Any) -> dict[str, Any]:
        usual = "words+bigrams" if self.unspaced else "words+bigrams+subwords"
        size = self.width // 4
        return {
            "size": _decided(hp, [BAG], "bag/size", sorted({0, 16, 32, size}), size),
            "tokens": _decided(hp, [BAG], "bag/tokens", list(TOKENS), usual),
            "scaled": _decided(hp, [BAG], "bag/weights", ["idf", "none"], "idf") == "idf",
            "relu": _decided(hp, [BAG], "bag/relu", [False, True], False),
        }

    def _along_decisions(self, hp: Any) -> dict[str, Any]:
        along = [kind for kind in self._kinds if kind != BAG]
        sizes = sorted({16, 32, 64, 96, self.width})
        usual = "words+bigrams" if self.unspaced else "words+subwords"
        rates = [0.0, 0.1, 0.2, 0.3]
        pools = ["max", "average", "both"]
        return {
            "embedding": _decided(hp, along, "embedding", sizes, self.width),
            "embedding/dropout": _decided(hp, along, "embedding/dropout", rates, 0.2),
            "filters": _decided(hp, along, "filters", [48, 96, 128], 96),
            "tokens": _decided(hp, along, "tokens", list(TOKENS), usual),
            "pooling": _decided(hp, along, "pooling", pools, "max"),
            "kernels": _decided(hp, ["cnn"], "kernels", ["23", "234", "2345"], "234"),
            "blocks": _decided(hp, ["attention"], "blocks", [1, 2, 3], 1),
        }

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

    def _bag(self, graph: GraphBuilder, pretrained: bool, decided: Mapping[str, Any]) -> str:
        """Vectors of the whole text side by side; or, of size 0, logits: a linear model."""
        parts, size, scaled = [], decided["size"], decided["scaled"]
        for name, columns, count in self._groups(decided["tokens"]):
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

    def _attention(self, graph: GraphBuilder, node: str, blocks: int, hidden: int) -> str:
        """Blocks of attention and of two layers for each token, each added and normalised.

        A convolution before them tells the tokens' order, of which attention knows nothing.
        """
        features = graph.shape(node)[-1]
        near = graph.add(SeparableConv1D(features, 5), node, name="attention/positions")
        node = graph.add(Add(), node, near, name="attention/placed")
        for number in range(1, blocks + 1):
            name = f"attention{number}"
            node = graph.add(SelfAttention(HEADS, features // HEADS), node, name=f"{name}/heads")
            inner = graph.add(Conv1D(hidden, 1), node, name=f"{name}/conv1")
            inner = self._relu(graph, inner, f"{name}/relu")
            inner = graph.add(Conv1D(features, 1), inner, name=f"{name}/conv2")
            node = graph.add(Add(), node, inner, name=f"{name}/add")
            node = graph.add(LayerNorm(), node, name=f"{name}/norm")
        return node

    def _along(
        self, graph: GraphBuilder, node: str, kind: str, decided: Mapping[str, Any]
    ) -> list[str]:
        filters, pooling = decided["filters"], decided["pooling"]
        if kind == "cnn":
            convs = [
                graph.add(Conv1D(filters, int(k)), node, name=f"conv{k}/conv")
                for k in decided["kernels"]
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
                name = f"dilated{dilation}"
                node = graph.add(Conv1D(filters, 3, dilation), node, name=f"{name}/conv")
                # Three rectifiers in a row may die before they have learned anything.
                node = graph.add(Activation("silu"), node, name=f"{name}/silu")
            ends = [node]
        elif kind == "attention":
            ends = [self._attention(graph, node, decided["blocks"], filters)]
        else:
            ends = [graph.add(Recurrent(filters // 2, kind), node, name=kind)]
        pooled = []
        for end in ends:
            if pooling in ("max", "both"):
                pooled.append(graph.add(GlobalMaxPool1D(), end, name=f"{end}_max"))
            if pooling in ("average", "both"):
                pooled.append(graph.add(GlobalAveragePool1D(), end, name=f"{end}_average"))
        return pooled


def _decided(hp: Any, kinds: Sequence[str], name: str, values: Sequence[Any], default: Any) -> Any:
    """A value that is decided where either branch is of these kinds; its default elsewhere."""
    for branch in BRANCHES:
        with hp.conditional_scope(branch, list(kinds)):
            if isinstance(default, bool):
                hp.Boolean(name, default=default)
            else:
                hp.Choice(name, list(values), default=default)
    return hp.values.get(name, default)
