"""Microsoft: contacts by Graph."""
