"""Hostile requests to the review page are refused, and change nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from storyanim.review.app import build_app
from storyanim.review.guard import MAX_BODY_BYTES
from storyanim.run import edits

TOKEN, PORT = "a-token-of-the-tests", 8123
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def stranger(run: Path) -> TestClient:
    """Asks without a token."""
    return TestClient(build_app(run, TOKEN, PORT), base_url=BASE, follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """Asks as the page's own browser does."""
    answer = stranger.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    stranger.headers["origin"] = BASE
    return stranger


def redo(client: TestClient, run: Path, **headers: str) -> Any:
    return client.post("/shots/s01/remove", data={"seen": edits.board_hash(run)}, headers=headers)


def test_the_page_opens_with_the_token_and_then_without(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "The colours" in answer.text
    cookie = client.cookies.jar.__iter__().__next__()
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"


@pytest.mark.parametrize("path", ["/", "/shots/s01", "/media/film.mp4", "/export/film.mp4", "/static/review.js", "/progress"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], "ü"])
def test_nothing_is_answered_without_the_token(stranger: TestClient, path: str, token: str) -> None:
    assert stranger.get(path, params={"token": token} if token else {}).status_code == 403


def test_the_token_of_another_port_is_none(client: TestClient, run: Path) -> None:
    other = TestClient(build_app(run, TOKEN, PORT + 1), base_url=f"http://127.0.0.1:{PORT + 1}", cookies=client.cookies)
    assert other.get("/").status_code == 403


@pytest.mark.parametrize("host", ["example.com", f"example.com:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"[::1]:{PORT}",
                                  f"127.0.0.1.example.com:{PORT}", ""])
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["http://example.com", "null", f"https://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT + 1}",
                                    f"http://localhost:{PORT}", BASE + "/"])
def test_a_foreign_origin_is_refused(client: TestClient, run: Path, origin: str) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    assert redo(client, run, origin=origin).status_code == 403
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert (run / "storyboard.yaml").read_bytes() == before


def test_a_change_without_an_origin_is_refused(client: TestClient, run: Path) -> None:
    del client.headers["origin"]
    before = (run / "storyboard.yaml").read_bytes()
    assert redo(client, run).status_code == 403
    assert (run / "storyboard.yaml").read_bytes() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/shots/s01/remove").status_code == 405


def test_actions_are_no_links(client: TestClient, run: Path) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    assert client.get("/shots/s01/remove", params={"seen": edits.board_hash(run)}).status_code in {404, 405}
    assert (run / "storyboard.yaml").read_bytes() == before


@pytest.mark.parametrize("name", [
    "../secret.mp4", "..%2Fsecret.mp4", "%2e%2e/secret.mp4", "shots/s01/clip/../../../../secret.mp4", "/etc/passwd", "//etc/passwd",
    "shots/s01/clip/..%2f..%2f..%2f..%2fsecret.mp4", "run.json", "log.jsonl", ".storyanim", "shots/s01/clip/done.json",
    "shots/s01/clip", "film.mp4%00.png", "..\\secret.mp4", "film.mp4/", "shots/s99/clip/clip.mp4", "shots/s01/clip/link.mp4",
])
def test_no_path_leads_out_of_the_run(client: TestClient, run: Path, name: str) -> None:
    (run.parent / "secret.mp4").write_bytes(b"secret")
    os.symlink(run.parent / "secret.mp4", run / "shots" / "s01" / "clip" / "link.mp4")
    for place in ("media", "export", "static"):
        answer = client.get(f"/{place}/{name}")
        assert answer.status_code in {404, 405}, answer.text
        assert b"secret" not in answer.content


def test_what_is_in_the_run_is_shown(client: TestClient, run: Path) -> None:
    film = client.get("/media/film.mp4", headers={"range": "bytes=0-9"})
    assert (film.status_code, film.content) == (206, (run / "film.mp4").read_bytes()[:10])
    assert client.get("/media/shots/s02/clip/clip.mp4").headers["content-type"] == "video/mp4"
    assert client.get("/media/film.vtt").text.startswith("WEBVTT")


def test_huge_bodies_are_refused(client: TestClient, run: Path) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    data = {"seen": edits.board_hash(run), "text": "x" * MAX_BODY_BYTES}
    assert client.post("/shots/s01/edit", data=data).status_code == 413
    assert client.post("/shots/s01/edit", content=iter([b"text=" + b"x" * 1000] * 1000)).status_code == 413
    for length in ("-1", "many", str(10**12)):
        assert client.post("/shots/s01/edit", content=b"", headers={"content-length": length}).status_code == 413
    assert (run / "storyboard.yaml").read_bytes() == before


@pytest.mark.parametrize("body", [b"\xff=1", b"text=%ff", b"&".join([b"a=1"] * 5000), b"\x00" * 100])
def test_bodies_that_are_no_form_are_refused(client: TestClient, run: Path, body: bytes) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    assert client.post("/shots/s01/edit", content=body).status_code in {409, 422}
    assert (run / "storyboard.yaml").read_bytes() == before


def test_every_answer_has_the_policy(client: TestClient) -> None:
    for path in ("/", "/shots/s01", "/media/film.mp4", "/static/review.js", "/nothing", "/shots/s77"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_story_with_a_script_is_words(client: TestClient, run: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    seen = edits.board_hash(run)
    answer = client.post("/shots/s01/edit", data={"seen": seen, "open": "s01", "text": evil, "prompt": evil})
    assert answer.status_code == 200
    assert edits.find_shot(edits.read_board(run), "s01").text == evil
    for shown in (answer, client.get("/"), client.get("/shots/s01"), client.get("/shots/s01", headers={"hx-request": "true"})):
        assert "<script>alert" not in shown.text
        assert "<img src=x" not in shown.text
        assert "&lt;script&gt;alert" in shown.text


def test_subtitles_with_tags_are_words(client: TestClient, run: Path) -> None:
    (run / "film.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\n<b>a</b> --> & b\n")
    assert "&lt;b&gt;a&lt;/b&gt; --&gt; &amp; b" in client.get("/media/film.vtt").text


def test_a_page_pins_no_file_of_the_machine(client: TestClient, run: Path) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    for clip in ("/etc/passwd", "../film.mp4", str(run / "film.mp4")):
        answer = client.post("/shots/s01/pin", data={"seen": edits.board_hash(run), "clip": clip})
        assert answer.status_code == 422
        assert client.post("/shots/s01/edit", data={"seen": edits.board_hash(run), "pinned": clip}).status_code == 200
    assert (run / "storyboard.yaml").read_bytes() == before


def test_an_edit_of_another_state_is_refused(client: TestClient, run: Path) -> None:
    seen = edits.board_hash(run)
    edits.redo_shot(run, "s02")
    before = (run / "storyboard.yaml").read_bytes()
    for path, data in (("/shots/s01/edit", {"text": "new"}), ("/shots/s01/move", {"behind": "s02"}), ("/shots/s01/remove", {}),
                       ("/undo", {}), ("/cast", {"part-0": "frog"}), ("/shots/s01/redo", {})):
        answer = client.post(path, data={"seen": seen, **data}, headers={"hx-request": "true"})
        assert answer.status_code == 409, path
        assert "changed meanwhile" in answer.text
    assert (run / "storyboard.yaml").read_bytes() == before


def test_an_edit_while_another_process_has_the_run_is_refused(client: TestClient, run: Path) -> None:
    from storyanim.engine.run_dir import RunDir

    before = (run / "storyboard.yaml").read_bytes()
    with RunDir(run):
        assert client.get("/shots/s01").status_code == 200           # looking is free
        answer = redo(client, run)
    assert answer.status_code == 422
    assert "in use by another process" in answer.text
    assert (run / "storyboard.yaml").read_bytes() == before


@pytest.mark.parametrize(("path", "data"), [
    ("/shots/s01/edit", {"duration_s": "long"}), ("/shots/s01/edit", {"duration_s": "0"}), ("/shots/s01/edit", {"duration_s": "nan"}),
    ("/shots/s01/redo", {"seed": "-1"}), ("/shots/s01/redo", {"seed": "9" * 40}), ("/shots/s01/move", {}),
    ("/shots/s01/move", {"behind": "s77"}), ("/shots/s77/remove", {}), ("/shots/s01/insert", {"prompt": " "}),
    ("/undo", {"to": "77"}), ("/shots/s01/ban", {"clip": "nothing"}),
    ("/shots/s01/edit", {"figures": "0", "figure-0-prompt": "a bear", "figure-0-boxes": "0", "figure-0-box-0-x0": "90",
                         "figure-0-box-0-y0": "0", "figure-0-box-0-x1": "10", "figure-0-box-0-y1": "100"}),
])
def test_values_that_cannot_be_are_told(client: TestClient, run: Path, path: str, data: dict[str, str]) -> None:
    before = (run / "storyboard.yaml").read_bytes()
    answer = client.post(path, data={"seen": edits.board_hash(run), **data}, headers={"hx-request": "true"})
    assert answer.status_code == 422, answer.text
    assert 'class="error"' in answer.text
    assert (run / "storyboard.yaml").read_bytes() == before
