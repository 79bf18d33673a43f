"""A clip as a folder of stills.

`names` claims takes and versions, `plan` says which files a take has, `sequence` writes them with their `sidecar`.
`numbering` finds the sequences in a folder, `read_sequence` reads one, with what `read_sidecar` knows of it.
"""
