"""Decisions about resources, without I/O, framework or clock: what should exist, what to do, what to say about it."""
