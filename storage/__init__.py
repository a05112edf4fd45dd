"""The only folder that knows MongoDB."""
