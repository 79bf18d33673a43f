"""The demo models: clips drawn by formulas, their captions, and the recipe that trains tiny models on nothing else."""
