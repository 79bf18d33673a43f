"""What a weights file is, from its keys and shapes alone: a module for each family, and `table` for all of them."""
