"""Address books of invented people as files, as several programs write them."""
