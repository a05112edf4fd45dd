"""Files that people bring: their pieces, and what the jobs that read them go through."""
