"""Hostile input: damaged and malicious files, folders, requests and flags, and what the project makes of them."""
