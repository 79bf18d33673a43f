"""The ellipse fit, the renders and alpha work on the host: gauss_mask, render."""

import pytest
import torch
from torch import Tensor

CASES = ("centred_blob", "rotated_moving", "two_blobs", "empty", "full", "thin_line_T7", "speck", "semi_irregular")
COLORS = range(8)


@pytest.fixture(scope="module")
def masks(goldens):
    return goldens("gauss_mask")


@pytest.fixture(scope="module")
def renders(goldens):
    return goldens("render")


def frames(masks, case: str) -> Tensor:
    """A grey IMAGE (T, H, W, 4) with the golden's alpha."""
    alpha = masks[f"{case}/alpha_u8"][..., None].float() / 255
    return torch.cat([torch.full((*alpha.shape[:-1], 3), 0.5), alpha], -1)


@pytest.mark.parametrize("case", CASES)
def test_the_fitted_field_is_the_references(masks, host_nodes, close, case):
    _, subject = host_nodes.RGBAFitEllipses(image=frames(masks, case))
    close(f"{case} field", subject, masks[f"{case}/script/gauss"], 1e-6)
    assert subject.dtype == torch.float32


@pytest.mark.parametrize("case", [case for case in CASES if case != "empty"])
def test_the_fitted_axes_are_the_references(masks, host_nodes, close, case):
    drawing, _ = host_nodes.RGBAFitEllipses(image=frames(masks, case))
    (ellipse,) = drawing.ellipses
    golden = {name: masks[f"{case}/script/{name}"] for name in ("mean", "axes", "angle_deg")}
    keys = ellipse.keyframes
    seen = [k for k, axes in enumerate(golden["axes"]) if not axes.isnan().any()]
    assert [key.frame for key in keys] == [4 * k for k in range(len(keys))] and len(keys) == len(golden["axes"])
    assert [key.weight for key in keys] == [float(k in seen) for k in range(len(keys))]
    fitted = [keys[k] for k in seen]
    axes = torch.tensor([[40 * key.rx, 24 * key.ry] for key in fitted], dtype=torch.float64)
    centre = torch.tensor([[20 * key.cx - 0.5, 12 * key.cy - 0.5] for key in fitted], dtype=torch.float64)
    close("axes", axes, golden["axes"][seen], 1e-9)
    close("centre", centre, golden["mean"][seen], 1e-9)
    turned = [(key.angle - angle + 90) % 180 - 90 for key, angle in zip(fitted, golden["angle_deg"][seen].tolist())]
    assert max(abs(angle) for angle in turned) < 1e-6


def test_an_empty_clip_has_no_axes_a_drawing_of_weight_0_and_a_warning(masks, host_nodes, caplog):
    assert masks["empty/script/axes"].isnan().all()
    drawing, subject = host_nodes.RGBAFitEllipses(image=frames(masks, "empty"))
    (ellipse,) = drawing.ellipses
    assert {key.weight for key in ellipse.keyframes} == {0.0}
    assert not subject.any()
    assert "Alpha is empty in every frame, so there is nothing to fit." in caplog.text


def test_a_clip_without_alpha_is_fitted_by_the_whole_frame_with_a_warning(masks, host_nodes, caplog):
    without, full = (
        host_nodes.RGBAFitEllipses(image=image)[1] for image in (torch.rand(5, 96, 160, 3), frames(masks, "full"))
    )
    assert torch.equal(without, full)
    assert "Alpha is opaque everywhere, so the fit is the whole frame" in caplog.text


@pytest.mark.parametrize("case", ["rotated_moving", "semi_irregular"])
def test_alpha_in_a_mask_fits_like_alpha_in_the_image(masks, host_nodes, case):
    image = frames(masks, case)
    inside, outside = (
        host_nodes.RGBAFitEllipses(**inputs)[1]
        for inputs in ({"image": image}, {"image": image[..., :3], "mask": 1 - image[..., 3]})
    )
    torch.testing.assert_close(inside, outside, rtol=0, atol=1e-6)


def test_frames_after_the_last_four_are_dropped_with_a_warning(masks, host_nodes, caplog):
    host_nodes.RGBAFitEllipses(image=frames(masks, "centred_blob"))
    assert "left out" not in caplog.text
    _, subject = host_nodes.RGBAFitEllipses(image=frames(masks, "thin_line_T7"))
    assert subject.shape == (2, 12, 20)
    assert "2 frames after the last 4n + 1 were left out" in caplog.text


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_renders_are_the_references(renders, host_nodes, close, color, mode):
    image = (torch.cat([renders["fgr"], renders["alpha"]]).movedim(0, -1) + 1) / 2
    text = "#" + "".join("ff" if part > 0 else "00" for part in renders["colors"][color])
    (rendered,) = host_nodes.RGBARender(image=image, mode=mode, color=text, threshold=0.0)
    close(f"{mode} over {text}", rendered * 2 - 1, renders[f"{mode}/{color}"].movedim(0, -1), 1e-6)


def test_split_and_join_give_the_same_bits_back(host_nodes):
    image = torch.rand(5, 6, 7, 4, generator=torch.Generator().manual_seed(0))
    rgb, mask, alpha = host_nodes.RGBASplit(image=image)
    assert torch.equal(rgb, image[..., :3]) and torch.equal(mask, 1 - image[..., 3])
    torch.testing.assert_close(host_nodes.RGBAJoin(rgb=rgb, alpha=alpha)[0], image, rtol=0, atol=1e-7)
    torch.testing.assert_close(host_nodes.RGBAJoin(rgb=rgb, mask=mask)[0], image, rtol=0, atol=1e-7)


def test_join_is_the_hosts_join_image_with_alpha(host_nodes):
    rgb = torch.rand(3, 6, 7, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(1))
    assert torch.equal(
        host_nodes.RGBAJoin(rgb=rgb, mask=mask)[0], host_nodes.JoinImageWithAlpha(image=rgb, alpha=mask)[0]
    )


def test_the_hosts_mask_for_opaque_pictures_is_no_mask(host_nodes):
    rgb = torch.rand(3, 80, 96, 3, generator=torch.Generator().manual_seed(0))
    (image,) = host_nodes.RGBAJoin(rgb=rgb, mask=torch.zeros(1, 64, 64))
    assert image[..., 3].eq(1).all()


def test_one_mask_repeats_over_the_clip(host_nodes):
    rgb = torch.rand(3, 6, 7, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(1, 6, 7, generator=torch.Generator().manual_seed(1))
    (image,) = host_nodes.RGBAJoin(rgb=rgb, mask=mask)
    assert torch.equal(image[..., 3], (1 - mask).expand(3, 6, 7))


@pytest.mark.parametrize("channels", [3, 4])
def test_one_picture_repeats_over_many_masks(host_nodes, channels):
    picture = torch.rand(1, 6, 7, channels, generator=torch.Generator().manual_seed(0))
    masks = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(1))
    expected = torch.cat((picture[..., :3].expand(3, -1, -1, -1), 1 - masks[..., None]), dim=-1)
    assert torch.equal(host_nodes.RGBAJoin(rgb=picture, mask=masks)[0], expected)
    grey = (1 - masks)[..., None].expand(-1, -1, -1, 3)
    assert host_nodes.RGBAJoin(rgb=picture, alpha=grey)[0].allclose(expected)
    rgb, mask = host_nodes.RGBASplit(image=picture, mask=masks)[:2]
    assert torch.equal(rgb, expected[..., :3]) and mask.allclose(masks)
    whole = {"mode": "soft", "color": "#102030", "threshold": 0.0}
    assert torch.equal(
        host_nodes.RGBARender(image=picture, mask=masks, **whole)[0], host_nodes.RGBARender(image=expected, **whole)[0]
    )
    part = {"x": 1, "y": -1, "width": 5, "height": 6}
    assert torch.equal(
        host_nodes.RGBACrop(image=picture, mask=masks, **part)[0], host_nodes.RGBACrop(image=expected, **part)[0]
    )
    size = {"width": 9, "height": 8, "filter": "bilinear", "fit": "stretch"}
    assert torch.equal(
        host_nodes.RGBAResize(image=picture, mask=masks, **size)[0], host_nodes.RGBAResize(image=expected, **size)[0]
    )
    assert torch.equal(
        host_nodes.RGBAPremultiply(image=picture, mask=masks)[0], host_nodes.RGBAPremultiply(image=expected)[0]
    )


def test_one_picture_with_masks_of_another_size_is_refused_with_both(host_nodes):
    with pytest.raises(ValueError, match="mask has 3 frames of 8 x 6, image has 1 frame of 7 x 6"):
        host_nodes.RGBAJoin(rgb=torch.rand(1, 6, 7, 3), mask=torch.rand(3, 6, 8))
