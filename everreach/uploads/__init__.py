"""Files that people bring: taken in piece by piece, looked at, and gone when nobody needs them."""
