import numpy as np
import pytest
import torch

from pipelines.ellipse.fit import fit
from pipelines.media.stills.png import encode
from pipelines.training.data.clip_items import (
    Windows,
    before_a_blurred_background,
    hard_rendered_clip,
    prompt_of,
    subject_of,
    whole_clip_of,
)
from pipelines.training.data.clip_list import Row
from pipelines.training.data.latent_cache import CachedItems, cache


def row(folder, name, frames=5, height=24, width=40, caption=""):
    """A clip of its own alpha: a disc on nothing."""
    path = folder / name
    path.mkdir(parents=True)
    y, x = np.mgrid[:height, :width]
    inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2
    for number in range(frames):
        levels = np.zeros((height, width, 4), np.uint8)
        levels[..., 0] = 30 * number
        levels[..., 3] = 255 * inside
        (path / f"{number}.png").write_bytes(encode(levels))
    return Row(name, path, None, caption)


def halves(row, seed):
    return {"latent": torch.full((2, 2), float(seed % 1000)), "seed": torch.tensor(seed)}


def test_a_stopped_cache_goes_on_and_makes_again_only_what_has_changed(tmp_path):
    rows = [row(tmp_path, "one"), row(tmp_path, "two")]
    made = []

    def make(of, seed):
        made.append(of.name)
        if made == ["one", "two"]:
            raise KeyboardInterrupt
        return halves(of, seed)

    with pytest.raises(KeyboardInterrupt):
        cache(rows, tmp_path / "cache", make, "settings", pytest.fail)
    files = cache(rows, tmp_path / "cache", make, "settings", pytest.fail)
    assert made == ["one", "two", "two"]
    assert [file.name for file in files] == ["00000-0-one.safetensors", "00001-0-two.safetensors"]
    rows[0] = Row("one", rows[0].rgb, None, "another caption")
    cache(rows, tmp_path / "cache", make, "settings", pytest.fail)
    assert made[3:] == ["one"]
    cache(rows, tmp_path / "cache", make, "other settings", pytest.fail)
    assert made[4:] == ["one", "two"]


def test_variants_of_a_row_have_seeds_of_their_own_that_do_not_change(tmp_path):
    rows = [row(tmp_path, "one"), row(tmp_path, "two")]
    for folder in ("here", "there"):
        cache(rows, tmp_path / folder, halves, "", pytest.fail, variants=2, seed=3)
    seeds = [
        [int(CachedItems(tmp_path / folder, 1, 0)[number]["seed"]) for number in range(4)]
        for folder in ("here", "there")
    ]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 4


def test_a_clip_that_fails_is_named_and_the_others_are_made(tmp_path):
    rows = [row(tmp_path, "good"), row(tmp_path, "bad")]
    (tmp_path / "bad" / "0.png").write_bytes(b"nothing")
    complaints = []
    files = cache(
        rows, tmp_path / "cache", lambda of, _: {"rgba": whole_clip_of(of, 81, 32 * 32)}, "", complaints.append
    )
    assert [file.name for file in files] == ["00000-0-good.safetensors"]
    assert complaints[0].startswith("bad: ")


def test_a_cache_of_something_else_is_refused(tmp_path):
    cache([row(tmp_path, "one")], tmp_path / "cache", halves, "", pytest.fail)
    with pytest.raises(ValueError, match="expected rgb in it; this was cached for another training"):
        CachedItems(tmp_path / "cache", 1, 0, size_of="rgb")
    with pytest.raises(ValueError, match="there are no cached latents"):
        CachedItems(tmp_path / "none", 1, 0)


def test_windows_are_the_same_for_the_same_number_and_name_what_is_broken(tmp_path):
    rows = [row(tmp_path, "clip", frames=3), row(tmp_path, "still", frames=1), row(tmp_path, "broken")]
    (tmp_path / "broken" / "2.png").write_bytes(b"nothing")
    complaints = []
    windows = Windows(rows, 9, 16, 16, seed=4, complain=complaints.append)
    batch = [windows[number] for number in range(6)]
    assert {name: tensor.shape for name, tensor in batch[0].items()} == {"rgb": (3, 9, 16, 16), "alpha": (1, 9, 16, 16)}
    again = Windows(rows, 9, 16, 16, seed=4, complain=complaints.append)[3]
    assert all(torch.equal(again[name], batch[3][name]) for name in again)
    assert complaints and all(complaint.startswith("broken: ") for complaint in complaints)
    assert all(item["rgb"].min() >= -1 and item["rgb"].max() <= 1.0001 for item in batch)


def test_a_whole_clip_comes_to_its_bucket_with_4n_plus_1_frames(tmp_path):
    clip = whole_clip_of(row(tmp_path, "clip", frames=8), 81, 32 * 48)
    assert clip.shape == (5, 32, 48, 4)


def test_the_wall_of_a_cached_clip_depends_on_its_seed_alone(tmp_path):
    rgba = whole_clip_of(row(tmp_path, "clip"), 81, 32 * 32)
    walls = [hard_rendered_clip(rgba, seed)["rgb"][:, 0, 0, 0] for seed in range(30)]
    assert len({tuple(wall.tolist()) for wall in walls}) == 8
    assert torch.equal(hard_rendered_clip(rgba, 5)["rgb"], hard_rendered_clip(rgba, 5)["rgb"])


def test_the_subject_is_the_released_trainings_ellipse(tmp_path):
    rgba = whole_clip_of(row(tmp_path, "clip"), 81, 64 * 64)
    assert torch.equal(subject_of(rgba), fit(rgba[..., 3], threshold=0.75, growth_steps=8).subject)


def test_labels_stand_before_or_after_the_caption():
    said = Row("x", None, None, "A parrot flies.", {"style": "animation", "motion": "gentle"})
    prompts = {prompt_of(said, seed) for seed in range(20)}
    assert prompts == {
        "Animation style. Gentle motion. A parrot flies. The background of this video is transparent.",
        "A parrot flies. The background of this video is transparent. Animation style. Gentle motion.",
    }
    assert "透明" in prompt_of(Row("x", None, None, "一只鹦鹉。"), 0)
    with pytest.raises(ValueError, match="description is empty"):
        prompt_of(Row("x", None), 0)


def test_transpixelers_colour_is_before_a_blurred_background(tmp_path):
    rgba = torch.rand(1, 24, 32, 4)
    rgba[..., 3] = 0
    flat = torch.full((24, 32, 3), 0.25)
    pair = before_a_blurred_background(rgba, flat, None)
    torch.testing.assert_close(pair["rgb"], torch.full((3, 1, 24, 32), -0.5))
    rgba[..., 3] = 1
    kept = before_a_blurred_background(rgba, flat, "levels")["rgb"]
    torch.testing.assert_close(kept, rgba[..., :3].movedim(-1, 0) * 2 - 1)
