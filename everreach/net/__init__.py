"""The one door out, and which addresses it leads to."""
