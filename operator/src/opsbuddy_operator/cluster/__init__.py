"""Everything that talks to the API server, and what was seen of it."""
