"""The address book: where pages become contacts, and contacts get what they lack."""
