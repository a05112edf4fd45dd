"""vCard files: the cards in them, the properties of a card, what all cards say together, and the contact in a card."""
