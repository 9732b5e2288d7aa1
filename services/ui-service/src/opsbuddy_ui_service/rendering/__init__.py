"""Views turned into HTML, and the files that pages load."""
