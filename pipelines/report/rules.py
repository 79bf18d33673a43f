"""The rules by which one of many clips can be picked, by name; `ranking` keeps them."""

FEWEST_HOLES, COVERAGE, FLICKER, ELLIPSE_AGREEMENT = "fewest holes", "coverage", "flicker", "ellipse agreement"
RULES = (FEWEST_HOLES, COVERAGE, FLICKER, ELLIPSE_AGREEMENT)
