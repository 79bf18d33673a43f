"""What was once read wrong, by the number of its case, and the tests that show what is right now.

A case stands for its kind. Files are made by functions in the tests; tests that need the host stand with the others
that do. Add a line here, and a test, for each kind that is found to be read wrong.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

CASES = {
    1: ("alpha of a WebM is lost by a copy",
         "cases/test_videos.py", "test_the_alpha_of_vp9_is_kept_whatever_the_case_of_its_tag"),
    2: ("EXR windows are ignored",
         "cases/test_exr.py", "test_the_data_window_lies_at_its_place_in_the_display_window"),
    3: ("tiled TIFF is black",
         "cases/test_tiff_and_others.py", "test_every_layout_and_type_of_tiff_is_read"),
    5: ("half floats of TIFF are read as whole numbers",
         "cases/test_tiff_and_others.py", "test_every_layout_and_type_of_tiff_is_read"),
    6: ("grey EXR loses its alpha",
         "cases/test_exr.py", "test_grey_is_light_with_alpha_or_without"),
    8: ("parts of an EXR are passed over",
         "cases/test_exr.py", "test_colour_and_alpha_in_parts_of_their_own_are_put_together"),
    9: ("clips of phones lie on their side",
         "cases/test_videos.py", "test_a_clip_of_a_phone_is_upright"),
    10: ("late sound or picture is not late",
         "cases/test_videos.py", "test_sound_and_picture_that_begin_at_different_times_stay_together"),
    11: ("a variable rate is read as a steady one",
         "cases/test_videos.py", "test_a_variable_rate_is_placed_by_time_and_said"),
    12: ("delays of GIF and APNG are not kept",
         "cases/test_videos.py", "test_the_pictures_of_an_animation_stand_as_long_as_they_say"),
    13: ("an edit list is refused as damage",
         "cases/test_videos.py", "test_what_an_edit_list_cuts_is_not_read"),
    16: ("metadata that is not UTF-8 is a raw error",
         "cases/test_videos.py", "test_a_title_that_is_not_utf_8_does_not_matter"),
    17: ("kinds of PNG are refused",
         "cases/test_png.py", "test_every_colour_type_and_depth_is_read"),
    18: ("names of EXR channels are not known",
         "cases/test_exr.py", "test_the_picture_is_found_by_any_spelling"),
    19: ("two names with seeds take 2 GB",
         "media/takes/test_read_sequence.py", "test_two_files_far_apart_cost_nothing"),
    20: ("one NaN pixel spoils a resized frame",
         "alpha/test_resize.py", "test_a_pixel_that_is_no_number_stays_near_its_place"),
    21: ("XYZ light has a tint",
         "cases/test_exr.py", "test_light_in_xyz_and_in_rec709_is_the_same"),
    23: ("kinds of TIFF are refused",
         "cases/test_tiff_and_others.py", "test_every_layout_and_type_of_tiff_is_read"),
    25: ("names are taken for sequences of one frame",
         "cases/test_sequence_names.py", "test_names_that_differ_in_one_number_are_one_sequence"),
    27: ("a size that changes is a raw error",
         "cases/test_videos.py", "test_a_size_that_changes_in_the_middle_is_refused_by_name"),
    29: ("deep EXR is a raw error",
         "cases/test_exr.py", "test_deep_pixels_are_refused_by_name"),
    30: ("an animation called .png is one frame",
         "media/test_footage.py", "test_an_animated_png_under_any_name_moves_and_a_still_one_does_not"),
    32: ("speed LoRAs in musubi's names are refused",
         "weights/test_key_dialects.py", "test_kohyas_names_are_those_of_wans_modules"),
    33: ("fps cannot come from a whole number",
         "host/queue/test_smoke.py", "test_a_rate_may_be_a_whole_number_that_another_node_gives"),
    34: ("Y alone is taken for amounts",
         "cases/test_exr.py", "test_grey_is_light_with_alpha_or_without"),
    36: ("FFV1 of a few pixels is a raw error",
         "cases/test_videos.py", "test_ffv1_of_a_few_pixels_comes_back"),
    37: ("a hold in our own GIF is lost",
         "cases/test_videos.py", "test_our_animations_come_back_with_their_holds_rate_and_number"),
}  # fmt: skip


@pytest.mark.parametrize("number", CASES)
def test_a_case_has_its_test(number):
    fault, file, name = CASES[number]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, fault
