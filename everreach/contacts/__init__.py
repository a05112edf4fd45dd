"""What a contact is: its values, their normal forms, and who is the same."""
