"""A local Microsoft: Graph."""
