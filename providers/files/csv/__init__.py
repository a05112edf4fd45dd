"""CSV and TSV files: how they are written, their rows, what their columns mean, and the contact in a row."""
