"""What every method needs of the host: model files, weights as they were loaded, models beside a model, progress,
warnings."""
