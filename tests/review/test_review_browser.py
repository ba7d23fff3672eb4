"""Each action of the review page in a real browser: what the page then shows, and what the run then holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from review_page import TWO, Served, open_shot, says, until

from storyanim import api, video
from storyanim.run import edits


def order(served: Served) -> list[str]:
    return [shot.id for shot in served.board().shots]


def shown_order(page: Any) -> list[str]:
    return page.locator("#board > li").evaluate_all("cards => cards.map(card => card.dataset.shot)")


def test_the_film_plays_and_the_script_follows(page: Any, served: Served) -> None:
    assert page.title() == "The colours · storyanim"
    assert page.url == f"http://127.0.0.1:{served.port}/"            # without the token
    assert page.locator("#board .script").all_inner_texts() == [shot.text.strip() for shot in served.board().shots]
    page.evaluate("document.querySelector('#player').play()")
    page.locator("#card-s02.now").wait_for()
    until(page, "document.querySelector('#player').textTracks[0].cues?.length === 3")


def test_a_shot_plays(page: Any) -> None:
    open_shot(page, "s02")
    until(page, "document.querySelector('#clip').currentTime > 0.1")
    assert page.locator("#clip").get_attribute("src").startswith("/media/shots/s02/clip/")
    page.reload()                                    # the shot has an address of its own
    assert page.locator("#title").inner_text().startswith("s02")
    page.go_back()
    page.locator("#shot .empty").wait_for()


def test_text_and_prompt_are_edited(page: Any, served: Served) -> None:
    open_shot(page, "s02")
    page.locator("#text").fill("A frog sings & <dances>.")
    page.locator("#prompt").fill("a blue frog")
    page.locator("#duration_s").fill("0.25")
    page.locator("#save").click()
    says(page, "s02: script, prompt, length changed")
    shot = served.shot("s02")
    assert (shot.text, shot.prompt, shot.duration_s) == ("A frog sings & <dances>.", "a blue frog", 0.25)
    assert page.locator("#card-s02 .script").inner_text() == "A frog sings & <dances>."
    assert "changed, to draw" in page.locator("#card-s02").inner_text()
    assert page.locator("#draw").inner_text() == "Draw 1 shot"


def test_a_style_is_given_where_models_take_one(page: Any, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shot(page, "s02")
    assert page.locator("#style").count() == 0       # the bundled models have but their own
    monkeypatch.setattr("storyanim.review.view.takes_styles", lambda folder: True)
    monkeypatch.setattr("storyanim.run.edits.check_style", lambda settings: None)
    page.reload()
    page.locator("#style").fill("watercolour")
    page.locator("#save").click()
    says(page, "s02: style changed")
    assert served.shot("s02").style == "watercolour"


def test_the_cast_is_edited(page: Any, served: Served) -> None:
    page.locator("#cast summary").click()
    page.get_by_label("bear").fill("frog")
    page.locator("#save-cast").click()
    says(page, "the cast is changed")
    assert served.board().cast[0].played_by == "frog"


def test_figures_and_boxes_are_edited(page: Any, served: Served) -> None:
    edits.set_fields(served.run, "s01", {"entities": TWO})
    page.reload()
    open_shot(page, "s01")
    page.locator("#figure-0-prompt").fill("a bear sleeping")
    for corner, value in zip(("x0", "y0", "x1", "y1"), ("0", "25", "50", "100"), strict=True):
        page.locator(f"#figure-0-box-0-{corner}").fill(value)
    canvas = page.locator("#boxes").bounding_box()
    box = page.locator("[data-box='figure-1-box-0'] rect").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - canvas["width"] / 10, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.locator("#figure-2-prompt").fill("a wave")
    page.locator("#save").click()
    says(page, "figures changed")
    bear, frog, wave = served.shot("s01").entities
    assert (bear.prompt, bear.boxes[0].corners) == ("a bear sleeping", (0, 0.25, 0.5, 1))
    assert frog.boxes[0].corners == pytest.approx((0.4, 0.2, 0.8, 1.0), abs=0.01)
    assert (wave.prompt, wave.boxes) == ("a wave", ())


def test_events_are_edited(page: Any, served: Served) -> None:
    open_shot(page, "s01")
    page.get_by_text("Events, one after the other").click()
    page.locator("#event-0-prompt").fill("a bear waving")
    page.locator("#event-0-end").fill("40")
    page.locator("#save").click()
    says(page, "events changed")
    page.locator("#event-1-prompt").fill("a bear running")
    page.locator("#event-1-start").fill("40")
    page.locator("#save").click()
    page.locator("#event-2-prompt").wait_for()
    assert [(e.prompt, e.start, e.end) for e in served.shot("s01").events] == [("a bear waving", 0, 0.4), ("a bear running", 0.4, 1)]


def test_shots_are_moved_by_dragging(page: Any, served: Served) -> None:
    target = page.locator("#card-s01").bounding_box()
    page.locator("#handle-s03").hover()
    page.mouse.down()
    page.mouse.move(target["x"] + 90, target["y"] + 40, steps=6)
    page.mouse.move(target["x"] + 90, target["y"] + 8, steps=3)
    page.mouse.up()
    says(page, "s03 is before s01 now")
    assert order(served) == shown_order(page) == ["s03", "s01", "s02"]


def test_shots_are_moved_by_keys(page: Any, served: Served) -> None:
    page.locator("#handle-s01").focus()
    page.keyboard.press("ArrowDown")
    says(page, "s01 is behind s02 now")
    assert page.evaluate("document.activeElement.id") == "handle-s01"         # so that it can go on
    page.keyboard.press("ArrowDown")
    says(page, "s01 is behind s03 now")
    assert order(served) == shown_order(page) == ["s02", "s03", "s01"]
    open_shot(page, "s03")
    page.locator("#move-earlier").click()
    says(page, "s03 is before s02 now")
    assert order(served) == ["s03", "s02", "s01"]


def test_arrow_keys_go_from_shot_to_shot(page: Any) -> None:
    open_shot(page, "s01")
    page.keyboard.press("ArrowRight")
    page.locator("#shot article[data-shot=s02]").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator("#shot article[data-shot=s01]").wait_for()


def test_footage_is_pinned_and_banned(page: Any, served: Served) -> None:
    open_shot(page, "s02")
    clip = page.locator("#pin-2").get_attribute("value")
    page.locator("#pin-2").click()
    says(page, "s02 moves as this footage does")
    assert served.shot("s02").pinned == clip
    page.locator("#unpin").click()
    says(page, "fits best")
    assert served.shot("s02").pinned is None
    page.locator("#ban-1").click()
    says(page, "never takes")
    assert served.shot("s02").banned == (page.locator("#allow-1").get_attribute("value"),)
    page.locator("#allow-1").click()
    says(page, "may take this footage again")
    assert served.shot("s02").banned == ()


def test_footage_of_a_figure_is_pinned(page: Any, served: Served) -> None:
    figures = [{**figure, "query": query} for figure, query in zip(TWO, ("a red bear runs", "a green frog jumps"), strict=True)]
    edits.set_fields(served.run, "s01", {"entities": figures})
    api.make_film(served.run)
    page.goto(f"http://127.0.0.1:{served.port}/shots/s01")
    clip = page.locator("#pin-2-of-2").get_attribute("value")
    page.locator("#pin-2-of-2").click()
    says(page, "moves as this footage does")
    assert [figure.pinned for figure in served.shot("s01").entities] == [None, clip]
    page.locator("#ban-1-of-1").click()
    says(page, "never takes")
    banned = served.shot("s01").entities[0].banned
    assert len(banned) == 1
    api.make_film(served.run)                        # it is no candidate any more, and can still be allowed
    page.reload()
    page.locator("#allow-banned-1-of-1").click()
    says(page, "may take this footage again")
    assert served.shot("s01").entities[0].banned == ()
    page.locator("#unpin-of-2").click()
    says(page, "fits best")
    assert served.shot("s01").entities[1].pinned is None


def test_a_shot_is_redone_and_progress_is_seen(page: Any, served: Served) -> None:
    before = (served.run / "film.mp4").read_bytes()
    seed = served.shot("s02").seed
    open_shot(page, "s02")
    clip = page.locator("#clip").get_attribute("src")
    page.locator("#redo").click()
    page.locator("#progress progress").wait_for()
    says(page, "the film is up to date")
    assert served.shot("s02").seed == seed + 1
    assert (served.run / "film.mp4").read_bytes() != before
    assert page.locator("#clip").get_attribute("src") != clip
    assert page.locator("#draw").is_disabled()
    page.get_by_label("Seed of the next drawing").fill("77")
    page.locator("#redo").click()
    says(page, "s02 is drawn again")
    says(page, "the film is up to date")
    assert served.shot("s02").seed == 77


def test_takes_are_looked_through_and_one_is_chosen(page: Any, served: Served, diary: Any) -> None:
    seed = served.shot("s02").seed
    first = (served.run / "film.mp4").read_bytes()
    open_shot(page, "s02")
    page.get_by_label("How many takes to draw").fill("2")
    page.locator("#redo").click()
    says(page, "the film is up to date")
    assert [listed.take.shot.seed for listed in edits.list_takes(served.run, "s02")] == [seed, seed + 1, seed + 2]
    assert page.locator(".takes li").count() == 3
    assert page.locator(".takes li.chosen").count() == 1
    diary.read()
    page.locator("#choose-1").click()
    says(page, "take 1 of s02 comes into the film")
    says(page, "the film is up to date")
    assert served.shot("s02").seed == seed
    assert (served.run / "film.mp4").read_bytes() == first
    assert not [call for call in diary.read() if call.startswith("draw")]       # it lay there
    assert "in the film" in page.locator(".takes li.chosen").inner_text()


def test_a_run_from_before_tells_nothing_of_what_changed(page: Any, served: Served) -> None:
    (served.run / "drawn.json").unlink()
    page.reload()
    assert page.locator("#draw").inner_text() == "Draw what changed"
    page.locator("#draw").click()
    says(page, "the film is up to date")
    assert page.locator("#draw").is_disabled()


def test_a_failure_is_told(page: Any, served: Served, diary: Any) -> None:
    def fail(call: str) -> None:
        if call.startswith("draw s02"):
            raise RuntimeError("no paint left")

    diary.on_call = fail
    open_shot(page, "s02")
    page.locator("#redo").click()
    says(page, "s02: no paint left")


def test_drawing_is_stopped_and_goes_on(page: Any, served: Served, diary: Any) -> None:
    import threading

    reached, go_on = threading.Event(), threading.Event()

    def wait(call: str) -> None:
        if call.startswith("draw s01"):
            reached.set()
            go_on.wait(20)

    diary.on_call = wait
    for shot in ("s01", "s03"):
        edits.redo_shot(served.run, shot)
    page.reload()
    page.locator("#draw").click()
    page.locator("#stop").wait_for()
    assert reached.wait(20)
    open_shot(page, "s02")                           # looking at others goes on
    page.locator("#stop").click()
    go_on.set()
    says(page, "stopped; what was drawn is kept")
    diary.read()
    page.locator("#draw").click()
    says(page, "the film is up to date")
    assert "draw s01" not in diary.read()


def test_changes_are_undone(page: Any, served: Served) -> None:
    before = served.board()
    open_shot(page, "s02")
    page.locator("#remove").click()
    says(page, "s02 is out of the film")
    assert order(served) == shown_order(page) == ["s01", "s03"]
    page.locator("#undo").click()
    says(page, "back at storyboard")
    assert served.board() == before
    assert shown_order(page) == ["s01", "s02", "s03"]
    page.locator("#history").click()
    page.locator(".versions button", has_text="remove s02").click()
    says(page, "which came of: remove-s02")
    assert order(served) == ["s01", "s03"]


def test_a_shot_is_put_in(page: Any, served: Served) -> None:
    open_shot(page, "s01")
    page.get_by_text("New shot behind this one").click()
    page.locator("#insert-prompt").fill("a red bear sleeping")
    page.locator("#insert-text").fill("It slept.")
    page.locator("#insert").click()
    says(page, "s04 is new, behind s01")
    assert order(served) == shown_order(page) == ["s01", "s04", "s02", "s03"]
    page.locator("#draw").click()
    says(page, "the film is up to date")
    assert video.probe(served.run / "film.mp4").duration_s == pytest.approx(1.5 + served.shot("s04").duration_s, abs=0.1)


def test_footage_plays_before_it_is_chosen(page: Any, served: Served) -> None:
    open_shot(page, "s02")
    count = page.locator(".found button[data-clip]").count()
    assert count == page.locator("[id^=pin-]").count() >= 2
    page.locator("#play-2").click()
    until(page, "document.querySelector('.found video')?.currentTime > 0.05")
    assert page.locator(".found video").count() == 1
    assert served.board() == edits.read_board(served.run)
    assert page.request.get(f"http://127.0.0.1:{served.port}/footage/s02/0/{count + 1}.mp4").status == 404
    assert page.request.get(f"http://127.0.0.1:{served.port}/footage/s02/1/1.mp4").status == 404


def test_the_film_is_exported(page: Any, served: Served) -> None:
    pytest.importorskip("opentimelineio", reason="the extra `otio` is not installed")
    for label, data in (("The film, MP4", b"ftyp"), ("Storyboard, YAML", b"shots:"), ("Small moving picture, WebP", b"WEBP"),
                        ("Storyboard for print, PDF", b"%PDF"), ("Storyboard for print, HTML", b"<html"),
                        ("Editor's project, all formats, ZIP", b".otio"), ("Editor's project, Final Cut Pro, ZIP", b".fcpxml"),
                        ("Editor's project, EDL, ZIP", b"s01.mp4"), ("Editor's project, OpenTimelineIO, ZIP", b".otio")):
        page.locator("#export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        assert data in Path(download.value.path()).read_bytes()


def test_two_pages_do_not_overwrite_each_other(page: Any, served: Served) -> None:
    other = page.context.new_page()
    other.goto(f"http://127.0.0.1:{served.port}/shots/s02")
    open_shot(page, "s02")
    page.locator("#prompt").fill("a green frog singing")
    page.locator("#save").click()
    says(page, "prompt changed")
    other.locator("#prompt").fill("a green frog sleeping")
    other.locator("#save").click()
    says(other, "changed meanwhile, by another page or a command")
    assert served.shot("s02").prompt == "a green frog singing"
    assert other.locator("#prompt").input_value() == "a green frog sleeping"        # nothing typed is lost
    other.on("dialog", lambda dialog: dialog.accept())
    other.locator("#look-again").click()
    until(other, "document.querySelector('#prompt')?.value === 'a green frog singing'")
    other.close()


def test_a_command_beside_the_page(page: Any, served: Served) -> None:
    edits.redo_shot(served.run, "s01")
    open_shot(page, "s02")
    page.locator("#move-earlier").click()
    says(page, "changed meanwhile")
    page.complaints.clear()                          # the browser lists the refused request
    assert order(served) == ["s01", "s02", "s03"]


def test_unsaved_words_are_not_lost_unasked(page: Any, served: Served) -> None:
    open_shot(page, "s02")
    page.locator("#text").fill("half a sent")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#card-s03 a").click()
    assert page.locator("#text").input_value() == "half a sent"
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#card-s03 a").click()
    page.locator("#shot article[data-shot=s03]").wait_for()


def test_everything_can_be_reached_and_has_a_name(page: Any, served: Served) -> None:
    edits.set_fields(served.run, "s01", {"entities": TWO, "events": [{"prompt": "a bear waving"}]})
    page.goto(f"http://127.0.0.1:{served.port}/shots/s01")
    nameless = page.locator("button, a, input:not([type=hidden]), textarea, select, video").evaluate_all(
        """all => all.filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim()))
                     .map(e => e.outerHTML)""")
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"export", "player", "handle-s01", "redo", "text", "prompt", "figure-1-box-0-x0", "event-0-prompt", "save", "pin-1"} <= reached


@pytest.mark.parametrize("width", [360, 390, 768])
def test_it_fits_a_phone(page: Any, served: Served, width: int) -> None:
    edits.set_fields(served.run, "s01", {"entities": TWO, "events": [{"prompt": "a bear waving"}]})
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/shots/s01"):
        page.goto(f"http://127.0.0.1:{served.port}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.locator("#board").is_visible()   # the shot has the screen
    page.locator("#close").click()
    page.locator("#card-s02 a").click()
    page.locator("#shot article[data-shot=s02]").wait_for()
    assert page.locator("#redo").is_visible()
    small = page.locator("button:visible, #shot a:visible").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 36).map(e => e.outerHTML)")
    assert small == []


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def test_keys_alone_go_on_where_they_pressed(page: Any, served: Served) -> None:
    open_shot(page, "s02")
    for pressed, told, then in (("pin-2", "moves as this", "play-2"), ("ban-1", "never takes", "play-1"), ("allow-1", "may take", "play-1"),
                                ("unpin", "fits best", "title"), ("redo", "drawn again", "title")):
        page.locator(f"#{pressed}").focus()
        page.keyboard.press("Enter")
        says(page, told)
        until(page, f"document.activeElement.id === '{then}'")
    says(page, "the film is up to date")
    page.locator("#choose-1").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'title'")
    says(page, "the film is up to date")
    page.locator("#remove").focus()
    page.keyboard.press("Enter")
    says(page, "out of the film")
    assert focused(page) == "A"
    assert page.url == f"http://127.0.0.1:{served.port}/"                            # the shot's own page is gone


@pytest.mark.parametrize("inside", [False, True])
def test_escape_closes_a_menu_and_goes_on_from_it(page: Any, inside: bool) -> None:
    page.locator("#export").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="The film, MP4").wait_for()
    if inside:
        page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    assert focused(page) == "export"
    page.keyboard.press("ArrowRight")
    page.locator("#shot article[data-shot=s01]").wait_for()


@pytest.mark.parametrize("width", [360, 700])
def test_menus_stay_on_a_phones_screen(page: Any, served: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_shot(page, "s01")
    page.locator("#move-later").click()              # a message stands below the header
    says(page, "is behind")
    for menu in ("#history", "#export"):
        page.locator(menu).click()
        for item in page.locator("details.menu[open] :is(a, button)").all():
            box = item.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            assert item.evaluate("e => { const b = e.getBoundingClientRect(); return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2).closest('a, button') === e }")
        page.keyboard.press("Escape")


def test_the_film_has_its_poster(page: Any, served: Served) -> None:
    poster = page.locator("#player").get_attribute("poster")
    answer = page.request.get(f"http://127.0.0.1:{served.port}{poster}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
