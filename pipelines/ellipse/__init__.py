"""Ellipses that say where the subject is: keyframed drawings and their JSON, the Gaussian field they make, the fit of
such an ellipse to an alpha channel, and whether a field is the right way round."""
