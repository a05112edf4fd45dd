"""The composition root, and the processes that serve."""
