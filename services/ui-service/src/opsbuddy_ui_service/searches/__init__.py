"""What the address of a page asks for: read, checked, and made into questions to the services. No I/O, no clock."""
