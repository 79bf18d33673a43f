"""The samplers and schedulers that the host offers, by name. Other packs add theirs at any time, in place or in a new
list, so they are asked for whenever a node says what it offers."""

import comfy.samplers


def list_samplers() -> list[str]:
    return list(comfy.samplers.KSampler.SAMPLERS)


def list_schedulers() -> list[str]:
    return list(comfy.samplers.KSampler.SCHEDULERS)
