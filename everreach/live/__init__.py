"""What followers of a job are shown, as soon as it changes."""
