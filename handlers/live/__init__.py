"""A job followed over one connection."""
