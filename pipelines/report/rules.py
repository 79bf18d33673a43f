"""The rules by which one of many clips can be picked, by name. `ranking` scores by them; they stand apart from it, so
that a menu does not load what it measures with."""

FEWEST_HOLES = "fewest holes"
COVERAGE = "coverage"
FLICKER = "flicker"
ELLIPSE_AGREEMENT = "ellipse agreement"
RULES = (FEWEST_HOLES, COVERAGE, FLICKER, ELLIPSE_AGREEMENT)
