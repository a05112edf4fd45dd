"""The consent of a person, and the tokens that it gives."""
