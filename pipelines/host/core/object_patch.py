"""Object patches that hold tensors or parts of a network: one for each set of weights that a MODEL is put on.

The host hands the object patches of a MODEL on to its clones, those over other weights on another device included.
There an object of ours would bring its weights along, and the host would move them between two devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy.patcher_extension import CallbacksMP

KEY = "rgba_video.object_patch"


def patch_object(model: Any, name: str, build: Callable[[Any], Any]) -> None:
    """Puts build(model) in the place of the object of this name in a cloned ModelPatcher.

    A clone over other weights gets build(clone), unless another node has put its own object there meanwhile.
    """
    key, patch = f"{KEY}.{name}", build(model)

    def follow(original: Any, clone: Any) -> None:
        if clone.model is not original.model and original.object_patches.get(name) is patch:
            patch_object(clone, name, build)

    model.add_object_patch(name, patch)
    model.remove_callbacks_with_key(CallbacksMP.ON_CLONE, key)
    model.add_callback_with_key(CallbacksMP.ON_CLONE, key, follow)


def restore_object(model: Any, name: str, before: Any) -> None:
    """Takes our object off a cloned ModelPatcher; `before` is the patch that it had there, or None."""
    model.remove_callbacks_with_key(CallbacksMP.ON_CLONE, f"{KEY}.{name}")
    if before is None:
        model.object_patches.pop(name, None)
    else:
        model.add_object_patch(name, before)
