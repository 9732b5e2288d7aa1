"""What is kept up while pages are open: the state of the platform, and the tail of the logs."""
