"""What columns are called, by language: for each field the headers that mean it, of Outlook and of people."""
