"""What each target gets."""

import pytest

from pipelines.media.targets import TARGETS, deliveries, file_name


def test_every_target_has_a_name_of_its_own_for_files():
    names = [file_name("parrot", target) for target in TARGETS]
    assert len({*names}) == len(TARGETS)
    assert {"parrot_after_effects", "parrot_final_cut", "parrot_obs"} <= {*names}


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match=r"target is one of After Effects / Premiere, .*; got 'Flame'"):
        deliveries("Flame")
