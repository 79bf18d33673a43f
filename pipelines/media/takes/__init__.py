"""A clip as a folder of stills.

`names` claims takes and versions, `plan` says which files a take has, `sequence` writes them with their `sidecar`, and
`read_sequence` finds and reads such folders.
"""
