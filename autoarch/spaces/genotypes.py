"""Cells that were found by others, as their papers and DARTS's code give them."""

from __future__ import annotations

from autoarch.spaces.genotype import Cell, Genotype

DARTS_V2 = Genotype(
    normal=Cell(
        (
            (("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
            (("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
            (("sep_conv_3x3", 1), ("skip_connect", 0)),
            (("skip_connect", 0), ("dil_conv_3x3", 2)),
        ),
        (2, 3, 4, 5),
    ),
    reduction=Cell(
        (
            (("max_pool_3x3", 0), ("max_pool_3x3", 1)),
            (("skip_connect", 2), ("max_pool_3x3", 1)),
            (("max_pool_3x3", 0), ("skip_connect", 2)),
            (("skip_connect", 2), ("max_pool_3x3", 1)),
        ),
        (2, 3, 4, 5),
    ),
)
"""Found by gradients, second order. Source: Liu et al. (2019), "DARTS", figures 4 and 5."""

NASNET_A = Genotype(
    normal=Cell(
        (
            (("sep_conv_5x5", 1), ("sep_conv_3x3", 0)),
            (("sep_conv_5x5", 0), ("sep_conv_3x3", 0)),
            (("avg_pool_3x3", 1), ("skip_connect", 0)),
            (("avg_pool_3x3", 0), ("avg_pool_3x3", 0)),
            (("sep_conv_3x3", 1), ("skip_connect", 1)),
        ),
        (2, 3, 4, 5, 6),
    ),
    reduction=Cell(
        (
            (("sep_conv_5x5", 1), ("sep_conv_7x7", 0)),
            (("max_pool_3x3", 1), ("sep_conv_7x7", 0)),
            (("avg_pool_3x3", 1), ("sep_conv_5x5", 0)),
            (("skip_connect", 3), ("avg_pool_3x3", 2)),
            (("sep_conv_3x3", 2), ("max_pool_3x3", 1)),
        ),
        (4, 5, 6),
    ),
)
"""Found by reinforcement learning. Source: Zoph et al. (2018), "Learning transferable architectures
for scalable image recognition", figure 4."""

AMOEBANET_A = Genotype(
    normal=Cell(
        (
            (("avg_pool_3x3", 0), ("max_pool_3x3", 1)),
            (("sep_conv_3x3", 0), ("sep_conv_5x5", 2)),
            (("sep_conv_3x3", 0), ("avg_pool_3x3", 3)),
            (("sep_conv_3x3", 1), ("skip_connect", 1)),
            (("skip_connect", 0), ("avg_pool_3x3", 1)),
        ),
        (4, 5, 6),
    ),
    reduction=Cell(
        (
            (("avg_pool_3x3", 0), ("sep_conv_3x3", 1)),
            (("max_pool_3x3", 0), ("sep_conv_7x7", 2)),
            (("sep_conv_7x7", 0), ("avg_pool_3x3", 1)),
            (("max_pool_3x3", 0), ("max_pool_3x3", 1)),
            (("conv_7x1_1x7", 0), ("sep_conv_3x3", 5)),
        ),
        (3, 4, 6),
    ),
)
"""Found by regularised evolution. Source: Real et al. (2019), "Regularized evolution for image
classifier architecture search", figure 2."""
