"""What a job is: its document, its place in a listing, and what others see of it."""
