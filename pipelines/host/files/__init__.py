"""The host's input and output folders: footage in; takes, videos and sound out."""
