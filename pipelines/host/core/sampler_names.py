"""The samplers and schedulers that the host offers, by name."""

import comfy.samplers

SAMPLERS: list[str] = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS: list[str] = comfy.samplers.KSampler.SCHEDULERS
