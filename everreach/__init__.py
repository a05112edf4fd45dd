"""EverReach Import: a person's contacts, from Google and Microsoft, into the app's address book."""

__version__ = "0.1.0"
