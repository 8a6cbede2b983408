"""What a run found, read from its files alone: leaderboard, summary, and the page `report.html`.

Nothing here starts Keras or TensorFlow. `page` and `plots` need jinja2 and matplotlib and are
imported by name where the page is wanted, so that the leaderboard and the summary start at once.
"""

from autoarch.report.leaderboard import Row, leaderboard
from autoarch.report.summary import Summary, summarise

__all__ = ["Row", "Summary", "leaderboard", "summarise"]
