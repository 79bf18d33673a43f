"""Damaged and hostile files of every format through the one door to footage, in processes with a limit on memory."""
