"""The player as a part of the graph: copies, tabs, reloads, subgraphs, the node's size. It plays after each of them."""

from __future__ import annotations

import time

import pytest
from graph_page import ANOTHER_TAB
from player_page import PlayerPage, clip_graph
from playwright.sync_api import expect


@pytest.fixture
def player(player_page: PlayerPage) -> PlayerPage:
    """A graph whose clip stands in the player."""
    player_page.open(clip_graph())
    return player_page


def plays(player: PlayerPage) -> None:
    """The player in the view works: it steps and plays."""
    player.root.focus()
    player.press("Home", "ArrowRight")
    player.at(1)
    player.press(" ")
    player.until(lambda: player.frame > 2, "the clip plays")
    player.press(" ", "Home")
    player.at(0)


def run_again(player: PlayerPage, fps: float) -> None:
    """A run whose clip is another one, by its rate."""
    player.in_node("widget('fps').value = argument", fps)
    player.run()
    said = f"1/9 · 0.00 s · {fps} fps"
    player.until(lambda: player.root.locator(".position").inner_text() == said, said)
    player.loaded()


def test_the_player_stretches_with_the_corner_of_its_node(player: PlayerPage):
    before = player.root.bounding_box(), player.canvas.bounding_box()
    player.drag_place(player.corner(), 120, 90)
    player.until(lambda: player.root.bounding_box()["width"] > before[0]["width"] + 100, "the player is larger")  # type: ignore[index]
    player.settled()
    box, picture = player.root.bounding_box(), player.canvas.bounding_box()
    assert box and picture and before[0] and before[1]
    grown = box["width"] - before[0]["width"], box["height"] - before[0]["height"]
    assert grown == (pytest.approx(120, abs=3), pytest.approx(90, abs=3))
    assert picture["width"] / picture["height"] == pytest.approx(96 / 64, rel=0.01)
    assert picture["x"] >= box["x"] and picture["y"] + picture["height"] <= box["y"] + box["height"]
    plays(player)


def test_a_collapsed_node_comes_back_with_its_clip(player: PlayerPage):
    player.select_node()
    player.press("Alt+c")
    player.until(lambda: player.root.count() == 0, "the player is hidden")
    player.press("Alt+c")
    player.settled()
    plays(player)
    run_again(player, 20)


def test_the_rate_can_come_from_a_whole_number(player: PlayerPage):
    """The widget takes numbers with a point, and the link is drawn from a whole number to it."""
    run_again(player, 23.976)
    whole = player.in_node(
        """const whole = LiteGraph.createNode('PrimitiveInt')
           whole.pos = [node.pos[0] + 640, node.pos[1] + 60]
           app.graph.add(whole)
           whole.widgets[0].value = argument
           app.canvas.setDirty(true, true)
           return whole.id""",
        24,
    )
    player.settled()
    index = player.in_node("return node.inputs.findIndex(({name}) => name === 'fps')")
    (x, y), (left, top) = player.slot(whole, "out", 0), player.slot(player.id, "in", index)
    player.drag_place((x, y), left - x, top - y)
    player.until(lambda: player.in_node("return node.inputs[argument].link != null", index), "the rate is linked")
    player.run()
    player.until(lambda: "· 24 fps" in player.root.locator(".position").inner_text(), "the clip has the linked rate")


@pytest.mark.parametrize("saver", ["RGBASaveSequence", "RGBASaveVideo", "RGBASaveAnimation", "RGBADeliver"])
def test_names_have_the_tokens_that_the_page_fills_in_for_the_hosts_savers(player: PlayerPage, saver: str):
    asked = "shots/%date:yyyy%_%RGBAPreview.fps%_%year%"
    node = player.in_node(
        """const saver = LiteGraph.createNode(argument[0])
           app.graph.add(saver)
           saver.widgets.find(({name}) => name === 'filename_prefix').value = argument[1]
           return saver.id""",
        [saver, asked],
    )
    year = time.strftime("%Y")
    assert player.prompt()[str(node)]["inputs"]["filename_prefix"] == f"shots/{year}_16_%year%"
    saved = player.in_node("return app.graph.getNodeById(argument).serialize().widgets_values", node)
    assert asked in saved  # the workflow keeps what was typed


def test_a_copy_is_empty_until_it_has_run(player: PlayerPage):
    player.select_node()
    player.press("Control+c")
    player.page.mouse.move(700, 250)
    player.press("Control+v")
    player.until(lambda: player.root.count() == 2, "the copy is there")
    original, player.id = player.id, player.page.evaluate("app.graph.nodes.at(-1).id")
    shown = "(id) => app.graph.getNodeById(id).widgets.at(-1).element.querySelector('canvas').dataset.frame ?? null"
    assert [player.page.evaluate(shown, each) for each in (original, player.id)] == ["0", None]
    player.in_node("app.graph.getNodeById('4').connect(0, node, node.inputs.findIndex(({name}) => name === 'image'))")
    player.run()
    player.until(lambda: player.page.evaluate(shown, player.id) == "0", "the copy shows the clip")
    assert player.page.evaluate(shown, original) == "0"


def test_a_workflow_tab_gives_the_clip_back_and_a_reload_the_player(player: PlayerPage):
    """What the last run has left is the tab's; a new page knows no run."""
    with player.kept_drafts():
        player.page.evaluate(ANOTHER_TAB)
        player.open(clip_graph(fps=17.25))
        player.leave_and_come_back()
        player.loaded()
        plays(player)
        player.drafted(17.25)
        player.reload()
        expect(player.root.locator(".message")).to_be_visible()
        run_again(player, 12)
        plays(player)


def test_the_player_works_inside_a_subgraph(player: PlayerPage):
    try:
        player.into_subgraph()
        run_again(player, 20)
        plays(player)
        player.out_of_subgraph()
        player.until(lambda: player.root.count() == 0, "the graph outside is shown")
        player.run()
        player.open_subgraph()
        player.loaded()
        plays(player)
    finally:
        player.out_of_subgraph()


def test_changing_the_renderer_keeps_the_clip(player: PlayerPage):
    with player.other_renderer():
        player.settled()
        plays(player)
        run_again(player, 20)
    player.settled()
    plays(player)
