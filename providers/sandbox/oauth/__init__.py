"""The consent pages and token endpoints of both."""
