"""Who is calling, and what rests sealed."""
