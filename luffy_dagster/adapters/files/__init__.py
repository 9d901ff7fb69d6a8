"""Log files and globs: plain and compressed, rotated, growing; each line read once, wherever its file has moved to."""
