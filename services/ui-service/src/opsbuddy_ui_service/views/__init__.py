"""What pages show, made of what the services answered. No I/O, no clock."""
