"""The host's IMAGE and MASK: straight RGBA and back, work on whole clips, reports and the preview."""
