"""Footage for training: lists of clips, windows and buckets, and caches of what the frozen models make of them."""
