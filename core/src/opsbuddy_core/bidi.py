"""Marks that turn the direction of text (Unicode Standard Annex 9): with one, fake.gpj.exe reads as fake.exe.jpg."""

MARKS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""For a class of a regular expression."""
