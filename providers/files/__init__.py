"""Address books that come as files: their encodings and kinds; CSV has a folder of its own."""
