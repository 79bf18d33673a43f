"""Prompts in the words that the models were trained with."""
