"""Who may do what: signing in, the session of a browser, and what other sites' pages may not."""
