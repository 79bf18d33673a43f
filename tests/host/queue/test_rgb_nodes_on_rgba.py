"""Any node for RGB works on RGBA: bleed, split, the same node on colour and on alpha, join."""

from __future__ import annotations

from queue_graphs import Graph, Run, drawing, file_name, keep, kept, node

from tools import tiny_checkpoints as tiny

FRAMES, WIDTH, HEIGHT = 3, 64, 48
MOVING = drawing(
    [
        {
            "id": "a",
            "keyframes": [{"frame": f, "cx": x, "cy": 0.5, "rx": 0.2, "ry": 0.3} for f, x in ((0, 0.4), (2, 0.6))],
        }
    ]
)
RED_ON_HIDDEN_GREEN = {
    "red": node("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=FRAMES, color=0xFF0000),
    "drawn": node("RGBAEllipseEditor", width=WIDTH, height=HEIGHT, length=5, fps=16.0, ellipses=MOVING),
    "field": node("MaskToImage", mask=["drawn", 1]),
    "frames": node("ImageFromBatch", image=["field", 0], batch_index=0, length=FRAMES),
    "soft": node("RGBAJoin", rgb=["red", 0], alpha=["frames", 0]),
    "disc": node(
        "RGBAMatte", image=["soft", 0], black=0.4, white=0.8, gamma=1.0, choke=0, grow=0, feather=0.0, fill_holes=0,
        despeckle=0,
    ),
    "two colours": node("RGBARender", image=["disc", 0], mode="hard", color="#00ff00", threshold=0.0),
    "disc apart": node("RGBASplit", image=["disc", 0]),
    "clip": node("RGBAJoin", rgb=["two colours", 0], alpha=["disc apart", 2]),
    "upscaler": node("UpscaleModelLoader", model_name=file_name(tiny.UPSCALER)),
    "between": node("FrameInterpolationModelLoader", model_name=file_name(tiny.INTERPOLATOR)),
}  # fmt: skip


def larger_and_smoother(name: str, source: str, output: int = 0) -> Graph:
    large = node("ImageUpscaleWithModel", upscale_model=["upscaler", 0], image=[source, output])
    smooth = node("FrameInterpolate", interp_model=["between", 0], images=[f"{name} large", 0], multiplier=2)
    return {f"{name} large": large, name: smooth}


def both(name: str, image: str) -> Graph:
    """The clip of node `image` through both models, split before and joined after, as node `name`."""
    return {
        f"{name} apart": node("RGBASplit", image=[image, 0]),
        **larger_and_smoother(f"{name} rgb", f"{name} apart", 0),
        **larger_and_smoother(f"{name} alpha", f"{name} apart", 2),
        name: node("RGBAJoin", rgb=[f"{name} rgb", 0], alpha=[f"{name} alpha", 0]),
    }


def test_upscale_and_interpolation_models_leave_no_fringe_on_a_bled_clip(run: Run):
    bleed = {"bleed": node("RGBAEdgeBleed", image=["clip", 0], below=0.0)}
    parts = [
        RED_ON_HIDDEN_GREEN,
        bleed,
        both("bled", "bleed"),
        both("bare", "clip"),
        larger_and_smoother("pure", "red"),
    ]
    keeps = [keep(name, name) for name in ("bled", "bare", "pure", "clip")] + [keep("bled alpha", "grey")]
    files = run(*parts, *keeps).files
    bled, bare, pure, grey = (kept(files, name) for name in ("bled", "bare", "pure", "grey"))
    assert bled.shape == (2 * FRAMES - 1, 2 * HEIGHT, 2 * WIDTH, 4)
    assert (kept(files, "clip")[..., 3] == 0).any() and (kept(files, "clip")[..., 3] == 1).any()
    # after the bleed there is no other colour than red for the models to draw into the edge
    assert float((bled[..., :3] - pure).abs().max()) < 1e-5
    assert float(((bare[..., :3] - pure).abs() * bare[..., 3:]).max()) > 0.05
    assert bled[..., 3].allclose(grey.mean(dim=-1), atol=1e-6)
    assert float(bled[..., 3].amin()) < 0.1 and float(bled[..., 3].amax()) > 0.9
