"""Imports brought forward, whatever breaks on the way."""
