"""How work is shared on one event loop; it knows nothing of imports."""
