"""Names that options list, of things that are too heavy to be imported for `--help`."""

from __future__ import annotations

IMAGE_SPACES = ("residual", "mobile", "cell", "chain", "topology", "nasbench201")
"""Keys of `autoarch.spaces.SPACES`."""

SPACES = ("auto", *IMAGE_SPACES, "pretrained", "speech", "text")
"""What `--space` may be; `SPACE_NAMES` of the tasks."""

NAMED_NETWORKS = (
    "nasnet-a",
    "amoebanet-a",
    "darts",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnet8",
)
"""Keys of `autoarch.spaces.NAMED`."""

EVALUATORS = (
    "train",
    "one-shot",
    "zero-cost",
    "darts",
    "darts-second-order",
    "fbnet",
    "proxyless",
)
"""`EVALUATORS` of the tasks."""
