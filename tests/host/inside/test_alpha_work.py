"""Alpha work on the host: clips in, clips out, by the host's executor."""

import itertools
import threading
from weakref import ref

import comfy.model_management
import comfy.utils
import folder_paths
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

COLORS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0), "red": (1.0, 0.0, 0.0), "teal": (0.0, 0.5, 0.5)}
REPAIR = {
    "black": 0.02,
    "white": 0.98,
    "gamma": 1.1,
    "choke": 1,
    "grow": 2,
    "feather": 0.8,
    "fill_holes": 9,
    "despeckle": 9,
}
# node id: the inputs beside the clip, as (T, H, W) asks for them
CHANGES = {
    "RGBAMatte": lambda t, h, w: REPAIR,
    "RGBAEdgeBleed": lambda t, h, w: {"below": 0.05},
    "RGBAUnmatte": lambda t, h, w: {"strength": 1.0},
    "RGBADecontaminate": lambda t, h, w: {"background": torch.rand(t, h, w, 3), "gain": 1.1, "choke": 0.5},
    "RGBADespill": lambda t, h, w: {"key": "green", "limit": "average", "strength": 1.0},
    "RGBAPremultiply": lambda t, h, w: {},
    "RGBAUnpremultiply": lambda t, h, w: {},
    "RGBAResize": lambda t, h, w: {"width": 30, "height": 20, "filter": "bicubic", "fit": "pad"},
    "RGBACrop": lambda t, h, w: {"x": -2, "y": 3, "width": 40, "height": 19},
    "RGBARetime": lambda t, h, w: {"from_fps": 16.0, "to_fps": 24.0, "method": "blend"},
}
each_change = pytest.mark.parametrize("node_id", CHANGES)


def clip(frames: int = 5, height: int = 24, width: int = 32, color: str = "red", hidden: str = "teal") -> Tensor:
    """A soft disc of one colour on its way through the frame, with another colour hidden where alpha is 0."""
    x, y = torch.arange(width).float(), torch.arange(height).float()[:, None]
    way = torch.linspace(0.3, 0.7, frames)[:, None, None]
    alpha = ((height / 4 - torch.hypot(x - way * width, y - height / 2)) / 3 + 0.5).clamp(0, 1)[..., None]
    rgb = torch.where(alpha > 0, torch.tensor(COLORS[color]), torch.tensor(COLORS[hidden]))
    return torch.cat((rgb, alpha), -1)


def over(image: Tensor, color: str) -> Tensor:
    return image[..., :3] * image[..., 3:] + torch.tensor(COLORS[color]) * (1 - image[..., 3:])


@each_change
def test_a_mask_is_the_same_as_an_alpha_of_the_image(host_nodes, node_id):
    image = clip()
    image[..., 3] = 1 - (1 - image[..., 3])
    more = CHANGES[node_id](5, 24, 32)
    (joined,) = getattr(host_nodes, node_id)(image=image, **more)
    (apart,) = getattr(host_nodes, node_id)(image=image[..., :3], mask=1 - image[..., 3], **more)
    torch.testing.assert_close(apart, joined, rtol=0, atol=1e-6)
    assert joined.dtype == torch.float32 and joined.shape[-1] == 4


@each_change
def test_the_frames_of_a_clip_are_worked_on_one_by_one_and_the_input_keeps_its_bits(host_nodes, node_id):
    image = clip()
    before = image.clone()
    more = CHANGES[node_id](1, 24, 32)
    more |= {"from_fps": 16.0, "to_fps": 16.0} if node_id == "RGBARetime" else {}
    (whole,) = getattr(host_nodes, node_id)(image=image, **more)
    alone = [getattr(host_nodes, node_id)(image=image[k : k + 1], **more)[0] for k in range(5)]
    assert torch.equal(whole, torch.cat(alone))
    assert torch.equal(image, before)


@each_change
def test_one_frame_of_rgb_is_enough_and_opaque(host_nodes, node_id):
    (made,) = getattr(host_nodes, node_id)(image=torch.rand(1, 24, 32, 3), **CHANGES[node_id](1, 24, 32))
    inside = made[:, 4:-4, 8:-12, 3]  # what a crop or padding leaves empty is outside of this
    assert inside.eq(1).all()


@pytest.fixture
def cancelled_after_2(monkeypatch):
    """Cancel is pressed when the second frame is done; the next number is one more than frames were done."""
    frames = itertools.count(1)
    real = comfy.utils.ProgressBar.update

    def update(self, value):
        real(self, value)
        comfy.model_management.interrupt_current_processing(next(frames) == 2)

    monkeypatch.setattr(comfy.utils.ProgressBar, "update", update)
    return frames


@each_change
def test_cancel_stops_between_two_frames(host_nodes, node_id, cancelled_after_2):
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        getattr(host_nodes, node_id)(image=clip(), **CHANGES[node_id](5, 24, 32))
    assert next(cancelled_after_2) == 3


def test_cancel_stops_a_composite_between_two_frames(host_nodes, cancelled_after_2):
    inputs = {"space": "linear", "mode": "soft", "x": 0, "y": 0, "scale": 1.0}
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        host_nodes.RGBACompositeOver(foreground=clip(9), background=clip(9), **inputs)
    assert next(cancelled_after_2) == 3


def test_cancel_stops_a_render_between_two_frames(host_nodes, cancelled_after_2):
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        host_nodes.RGBARender(image=clip(9), mode="soft", color="#ff8000", threshold=0.0)
    assert next(cancelled_after_2) == 3


class Peak(TorchFunctionMode):
    """The most bytes that tensors made by torch meanwhile held at once.

    These are the inputs, seen frame by frame, the result, and whatever is computed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: list[ref] = []
        self.most = 0

    def __torch_function__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        self.made += [
            ref(each) for each in (result if isinstance(result, tuple) else (result,)) if torch.is_tensor(each)
        ]
        self.made = [each for each in self.made if each() is not None]
        with torch._C.DisableTorchFunction():
            held = [each().untyped_storage() for each in self.made]
            self.most = max(self.most, sum({one.data_ptr(): one.nbytes() for one in held}.values()))
        return result


@each_change
def test_beside_its_result_a_node_holds_no_more_for_a_longer_clip(host_nodes, node_id):
    held = []
    for frames in (8, 40):
        image, more = clip(frames), CHANGES[node_id](frames, 24, 32)
        with Peak() as peak:
            results = getattr(host_nodes, node_id)(image=image, **more)
        clips = (image, *more.values(), *results)
        held.append(peak.most - sum(each.nbytes for each in clips if torch.is_tensor(each)))
    assert held[0] > 0 and held[1] <= held[0] + 24 * 32 * 16


@pytest.mark.parametrize("hidden", COLORS)
@pytest.mark.parametrize("color", COLORS)
def test_matte_bleed_and_resize_leave_no_halo_on_any_colour(host_nodes, color, hidden):
    (image,) = host_nodes.RGBAEdgeBleed(image=clip(color=color, hidden=hidden), below=0.0)
    (image,) = host_nodes.RGBAMatte(image=image, **REPAIR)
    (image,) = host_nodes.RGBAResize(image=image, width=45, height=37, filter="bicubic", fit="stretch")
    for background in COLORS:
        wall = torch.tensor(COLORS[background])
        ideal = torch.tensor(COLORS[color]) * image[..., 3:] + wall * (1 - image[..., 3:])
        torch.testing.assert_close(over(image, background), ideal, rtol=0, atol=1e-5)


def test_unpremultiply_undoes_premultiply_wherever_alpha_is_above_zero(host_nodes):
    image = torch.rand(4, 24, 32, 4, generator=torch.Generator().manual_seed(0))
    image[..., 3] = (image[..., 3] * 1.5 - 0.25).clamp(0, 1)
    (premultiplied,) = host_nodes.RGBAPremultiply(image=image)
    (straight,) = host_nodes.RGBAUnpremultiply(image=premultiplied)
    seen = image[..., 3] > 0
    torch.testing.assert_close(straight[seen], image[seen], rtol=2e-7, atol=0)
    assert torch.equal(premultiplied[..., :3], image[..., :3] * image[..., 3:])


def test_premultiplying_twice_is_warned_of_and_once_is_not(host_nodes, caplog):
    (once,) = host_nodes.RGBAPremultiply(image=clip(color="white"))
    assert "premultiplied already" not in caplog.text
    host_nodes.RGBAPremultiply(image=once)
    assert "this clip is probably premultiplied already" in caplog.text


def test_unpremultiplying_what_is_straight_is_warned_of(host_nodes, caplog):
    (premultiplied,) = host_nodes.RGBAPremultiply(image=clip())
    host_nodes.RGBAUnpremultiply(image=premultiplied)
    assert "brighter than alpha" not in caplog.text
    host_nodes.RGBAUnpremultiply(image=clip())
    assert "In 5 of 5 frames colour is brighter than alpha" in caplog.text


def test_a_composite_is_the_hosts_porter_duff(host_nodes, close):
    front, back = clip(), clip(color="teal", hidden="black").flip(1)
    (made,) = host_nodes.RGBACompositeOver(
        foreground=front, background=back, space="display", mode="soft", x=0, y=0, scale=1.0
    )
    rgb, mask = host_nodes.PorterDuffImageComposite(
        source=front[..., :3],
        source_alpha=1 - front[..., 3],
        destination=back[..., :3],
        destination_alpha=1 - back[..., 3],
        mode="SRC_OVER",
    )
    close("alpha", made[..., 3], 1 - mask, 1e-6)
    close("light", made[..., :3] * made[..., 3:], rgb * (1 - mask[..., None]), 2e-6)


def test_cancel_ends_the_threads_of_a_composite_and_of_a_preview(host_nodes, monkeypatch, tmp_path):
    """While what was raised is still held, as the host holds it for its report."""
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    long = clip(40)
    before, held = threading.active_count(), []
    for node, inputs in (
        ("RGBACompositeOver", {"foreground": long, "background": long, "space": "display", "mode": "soft"}),
        ("RGBAPreview", {"image": long, "fps": 16.0}),
    ):
        inputs |= {"x": 0, "y": 0, "scale": 1.0} if "background" in inputs else {}
        comfy.model_management.interrupt_current_processing()
        with pytest.raises(comfy.model_management.InterruptProcessingException) as caught:
            getattr(host_nodes, node)(**inputs)
        held.append(caught)
        comfy.model_management.interrupt_current_processing(False)
        assert threading.active_count() == before


@pytest.mark.parametrize("space", ["display", "linear"])
@pytest.mark.parametrize(("fronts", "backs"), [(1, 4), (4, 1), (4, 4), (1, 1)])
def test_a_frame_stands_before_or_behind_a_whole_clip(host_nodes, space, fronts, backs):
    front, back = clip(fronts), torch.rand(backs, 24, 32, 3, generator=torch.Generator().manual_seed(0))
    inputs = {"space": space, "mode": "soft", "x": 3, "y": -2, "scale": 0.5}
    (made,) = host_nodes.RGBACompositeOver(foreground=front, background=back, **inputs)
    longer = max(fronts, backs)
    (whole,) = host_nodes.RGBACompositeOver(
        foreground=front.expand(longer, -1, -1, -1), background=back.expand(longer, -1, -1, -1), **inputs
    )
    assert torch.equal(made, whole) and made.shape == (longer, 24, 32, 4) and made[..., 3].eq(1).all()


def test_the_foreground_may_have_a_size_of_its_own(host_nodes):
    front, back = torch.rand(2, 6, 8, 3), torch.zeros(2, 24, 32, 3)
    inputs = {"space": "display", "mode": "soft", "x": 20, "y": 10}
    (made,) = host_nodes.RGBACompositeOver(foreground=front, background=back, scale=1.0, **inputs)
    assert torch.equal(made[:, 10:16, 20:28, :3], front)
    assert not made[:, :10, :, :3].any() and not made[:, :, :20, :3].any()
    (large,) = host_nodes.RGBACompositeOver(foreground=front, background=back, scale=3.0, **inputs)
    assert large[:, 10:, 20:, :3].any(-1).all() and not large[:, :10, :, :3].any()


def test_clips_of_two_lengths_are_refused(host_nodes):
    with pytest.raises(ValueError, match="foreground has 5 frames, background has 3; give clips of one length"):
        host_nodes.RGBACompositeOver(
            foreground=clip(5), background=clip(3), space="display", mode="soft", x=0, y=0, scale=1.0
        )


def test_a_known_plate_is_taken_out_exactly_and_an_unknown_smooth_one_nearly(host_nodes):
    image = clip(frames=3, height=48, width=64, color="red")
    plate = torch.linspace(0.3, 0.6, 64)[:, None].expand(48, 64, 3)[None].contiguous()
    seen = torch.cat((image[..., :3] * image[..., 3:] + plate * (1 - image[..., 3:]), image[..., 3:]), -1)
    (known,) = host_nodes.RGBAUnmatte(image=seen, plate=plate, strength=1.0)
    (unknown,) = host_nodes.RGBAUnmatte(image=seen, strength=1.0)
    edge = (image[..., 3] > 0.05) & (image[..., 3] < 1)
    red = torch.tensor(COLORS["red"])
    assert (seen[edge][:, :3] - red).abs().max() > 0.5
    assert (known[edge][:, :3] - red).abs().max() < 1e-5
    assert (unknown[edge][:, :3] - red).abs().max() < 0.1
    assert torch.equal(known[..., 3], image[..., 3])


def test_frames_without_a_backdrop_keep_their_colour_with_a_warning(host_nodes, caplog):
    image = clip(3)
    image[1, ..., 3] = image[1, ..., 3].clamp(min=0.5)
    (made,) = host_nodes.RGBAUnmatte(image=image, strength=1.0)
    assert torch.equal(made[1], image[1])
    assert "1 of 3 frames show no backdrop" in caplog.text


@pytest.mark.parametrize("name", ["plate", "background"])
def test_a_plate_of_another_size_is_refused_by_its_name(host_nodes, name):
    node = host_nodes.RGBAUnmatte if name == "plate" else host_nodes.RGBADecontaminate
    more = {"strength": 1.0} if name == "plate" else {"gain": 1.1, "choke": 0.5}
    with pytest.raises(ValueError, match=rf"{name} has 1 frame of 20 x 10, image has 5 frames of 32 x 24"):
        node(image=clip(), **{name: torch.rand(1, 10, 20, 3)}, **more)


def test_retiming_keeps_the_clips_of_a_batch_apart(host_nodes):
    batch = torch.cat((clip(4, color="red"), clip(4, color="white")))
    inputs = {"from_fps": 16.0, "to_fps": 24.0, "method": "blend"}
    (both,) = host_nodes.RGBARetime(image=batch, clips=2, **inputs)
    alone = [host_nodes.RGBARetime(image=part, **inputs)[0] for part in batch.chunk(2)]
    assert len(both) == 12 and torch.equal(both, torch.cat(alone))


def test_a_batch_is_a_list_of_clips(host_nodes):
    batch = torch.rand(6, 5, 7, 4)
    (clips,) = host_nodes.RGBAClips(image=batch, count=3)
    assert [len(each) for each in clips] == [2, 2, 2] and torch.equal(torch.cat(clips), batch)
    with pytest.raises(ValueError, match="has 6 frames"):
        host_nodes.RGBAClips(image=batch, count=4)
