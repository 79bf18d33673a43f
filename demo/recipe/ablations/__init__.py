"""What each part of the methods is good for: the papers' ablations at toy size, on the demo's base models."""
