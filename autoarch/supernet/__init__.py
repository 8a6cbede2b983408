"""Weight sharing: one bank of weights for all networks of a space, each network a path in it."""
