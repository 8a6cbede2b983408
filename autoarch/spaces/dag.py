"""Wirings as values: which op reads which, pruned, simplified and numbered in one way.

Vertex 0 is the stem. A wiring is made legal, not refused: what the stem does not reach, and what
the output does not depend on, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoarch.architecture.canonical import LabelledGraph

IDENTITY = "identity"
ADD, CONCAT = "add", "concat"
STEM = 0


@dataclass(frozen=True)
class Vertex:
    """One op and what it reads.

    Args:
        op: Its name.
        inputs: Numbers of earlier vertices; 0 is the stem.
        merge: `ADD` or `CONCAT`: how several inputs become one.
        halves: Whether it halves the picture.
    """

    op: str
    inputs: tuple[int, ...]
    merge: str = ADD
    halves: bool = False


@dataclass(frozen=True)
class Wiring:
    """A directed graph without circles, from the stem to the output.

    Args:
        vertices: Vertex `i` of the graph is `vertices[i - 1]`; the last one is the output, which
            only merges.
    """

    vertices: tuple[Vertex, ...]

    def pruned(self) -> Wiring:
        """Without what the stem does not reach and what the output does not depend on.

        An output that reads nothing gets every loose end, or the stem where there is none.
        """
        reached = {STEM}
        for number, vertex in enumerate(self.vertices[:-1], start=1):
            if reached.intersection(vertex.inputs):
                reached.add(number)
        output = self.vertices[-1]
        ends = [number for number in output.inputs if number in reached]
        if not ends:
            read = {i for number in reached - {STEM} for i in self.vertices[number - 1].inputs}
            ends = sorted(reached - read)
        needed = set(ends)
        for number in range(len(self.vertices) - 1, STEM, -1):
            if number in needed:
                needed.update(reached.intersection(self.vertices[number - 1].inputs))
        return self._renumbered(sorted((needed & reached) - {STEM}), reached, tuple(ends))

    def _renumbered(self, kept: list[int], reached: set[int], ends: tuple[int, ...]) -> Wiring:
        numbers = {STEM: STEM} | {number: new for new, number in enumerate(kept, start=1)}

        def rewritten(vertex: Vertex, inputs: Sequence[int]) -> Vertex:
            known = tuple(sorted(numbers[i] for i in inputs if i in reached))
            return Vertex(vertex.op, known, vertex.merge, vertex.halves)

        middle = [rewritten(self.vertices[n - 1], self.vertices[n - 1].inputs) for n in kept]
        return Wiring((*middle, rewritten(self.vertices[-1], ends)))

    def simplified(self, most_halvings: int) -> Wiring:
        """Pruned, and without what changes nothing.

        A single input needs no merge; a picture is halved no more often than it may be; an
        identity that merges nothing and halves nothing is no vertex; two ways to the same result
        are one input.
        """
        wiring = self.pruned()
        halvings, stands_for, kept = {STEM: 0}, {STEM: STEM}, []
        for number, vertex in enumerate(wiring.vertices, start=1):
            is_output = number == len(wiring.vertices)
            inputs = tuple(sorted({stands_for[i] for i in vertex.inputs}))
            before = max(halvings[i] for i in inputs)
            halves = vertex.halves and before < most_halvings and not is_output
            if vertex.op == IDENTITY and len(inputs) == 1 and not halves and not is_output:
                stands_for[number] = inputs[0]
                continue
            kept.append(Vertex(vertex.op, inputs, vertex.merge if len(inputs) > 1 else ADD, halves))
            stands_for[number] = len(kept)
            halvings[len(kept)] = before + halves
        return Wiring(tuple(kept))

    def canonical(self) -> Wiring:
        """Numbered in the one way that all wirings have which differ in numbers only."""
        labels = [f"{v.op} {v.merge} {v.halves}" for v in self.vertices]
        labels[-1] = f"output {self.vertices[-1].merge}"
        graph = LabelledGraph(["stem", *labels], [(), *(v.inputs for v in self.vertices)])
        # The output reads, directly or not, whatever is there, so it is last in any order.
        order = graph.order()
        places = {old: new for new, old in enumerate(order)}
        return Wiring(
            tuple(
                Vertex(v.op, tuple(sorted(places[i] for i in v.inputs)), v.merge, v.halves)
                for v in (self.vertices[old - 1] for old in order[1:])
            )
        )
