"""One order for all ways to write a labelled, directed graph without circles.

Nodes are told apart by colours, which are refined until equal colours mean equal surroundings;
where that leaves a tie, each of the tied nodes is set apart in turn, and the smallest description
of the graph decides. Ties that are symmetries of the graph are seen to be, and tried once.

Source: McKay and Piperno (2014), "Practical graph isomorphism, II", sections 2.2 to 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence

Certificate = tuple[tuple[str, tuple[int, ...]], ...]
"""A graph in canonical order: for each node its label and the places of its inputs."""


class LabelledGraph:
    """A graph whose canonical form can be asked for.

    Args:
        labels: What each node is.
        inputs: The nodes that each node reads, earlier ones only.
        ordered: Whether the order of a node's inputs matters; False for all where left out.

    Example:
        >>> diamond = LabelledGraph(["in", "a", "b", "out"], [[], [0], [0], [1, 2]])
        >>> other = LabelledGraph(["in", "b", "a", "out"], [[], [0], [0], [1, 2]])
        >>> diamond.order(), other.order()
        ([0, 1, 2, 3], [0, 2, 1, 3])
        >>> diamond.certificate() == other.certificate()
        True
    """

    def __init__(
        self,
        labels: Sequence[str],
        inputs: Sequence[Sequence[int]],
        ordered: Sequence[bool] | None = None,
    ):
        self._labels = list(labels)
        self._inputs = [tuple(nodes) for nodes in inputs]
        self._ordered = [False] * len(labels) if ordered is None else list(ordered)
        self._readers: list[list[tuple[int, int]]] = [[] for _ in labels]
        for node, sources in enumerate(self._inputs):
            for place, source in enumerate(sources):
                self._readers[source].append((node, place if self._ordered[node] else -1))

    def order(self) -> list[int]:
        """The nodes in canonical order, each behind what it reads.

        Graphs that differ only in how their nodes are numbered become equal when they are written
        down in this order.
        """
        _, colours = min(self._leaves(self._start()).items())
        return sorted(range(len(colours)), key=lambda node: colours[node])

    def certificate(self) -> Certificate:
        """Equal for two graphs exactly where they differ only in the numbers of their nodes."""
        return min(self._leaves(self._start()))

    def _start(self) -> list[int]:
        """Colours by the longest way from a node without inputs, then by label."""
        depths: list[int] = []
        for sources in self._inputs:
            depths.append(1 + max((depths[source] for source in sources), default=-1))
        return _ranked(list(zip(depths, self._labels, strict=True)))

    def _refined(self, colours: list[int]) -> list[int]:
        """Colours that tell apart what reads, or is read by, different colours."""
        while True:
            finer = _ranked(
                [
                    (
                        colours[node],
                        self._colours_of_inputs(node, colours),
                        tuple(sorted((colours[r], place) for r, place in self._readers[node])),
                    )
                    for node in range(len(colours))
                ]
            )
            if len(set(finer)) == len(set(colours)):
                return finer
            colours = finer

    def _colours_of_inputs(self, node: int, colours: Sequence[int]) -> tuple[int, ...]:
        found = [colours[source] for source in self._inputs[node]]
        return tuple(found if self._ordered[node] else sorted(found))

    def _leaves(self, colours: list[int]) -> dict[Certificate, list[int]]:
        """Every description that the ways to break ties lead to, with colours that give it."""
        colours = self._refined(colours)
        tied = _first_tie(colours)
        if not tied:
            return {self._described(colours): colours}
        found: dict[Certificate, list[int]] = {}
        for node in tied:
            apart = _set_apart(colours, node)
            # An equal description means a symmetry that takes a node tried before to this one.
            if not found or self._described(self._any_leaf(apart)) not in found:
                found |= self._leaves(apart)
        return found

    def _any_leaf(self, colours: list[int]) -> list[int]:
        colours = self._refined(colours)
        while tied := _first_tie(colours):
            colours = self._refined(_set_apart(colours, tied[0]))
        return colours

    def _described(self, colours: list[int]) -> Certificate:
        order = sorted(range(len(colours)), key=lambda node: colours[node])
        return tuple((self._labels[node], self._colours_of_inputs(node, colours)) for node in order)


def _ranked(values: Sequence[tuple[object, ...]]) -> list[int]:
    ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return [ranks[value] for value in values]


def _first_tie(colours: Sequence[int]) -> list[int]:
    """The nodes of the smallest colour that several have; none where all differ."""
    members: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        members.setdefault(colour, []).append(node)
    return next((members[colour] for colour in sorted(members) if len(members[colour]) > 1), [])


def _set_apart(colours: Sequence[int], node: int) -> list[int]:
    """The same colours, but the node's comes ahead of those it was tied with."""
    return [2 * colour - (place == node) + 1 for place, colour in enumerate(colours)]
