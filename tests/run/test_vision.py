"""A vision model reads shots; what it replies is checked."""

from __future__ import annotations

import base64
import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from moving_picture import picture
from PIL import Image

from storyanim.artifacts import Asked as Question
from storyanim.config import Settings, load_settings
from storyanim.errors import ServiceError
from storyanim.run.vision import VisionReader

sys.path.append(str(Path(__file__).parents[1] / "planning"))
from fake_chat_server import Answer, FakeChatServer

QUESTION = Question(text="a red fox jumping in the snow")


def settings(server: FakeChatServer, **check: Any) -> Settings:
    return load_settings(plan={"base_url": server.base_url, "attempts": 2, "model": "writer"},
                         check={"vision_model": "seer", **check})


@pytest.mark.parametrize(("reply", "score", "remarks"), [
    ('{"things": [{"what": "fox", "score": 9, "wrong": "rather pale"}, {"what": "jumping", "score": 2, "wrong": "the fox does not  jump"}]}',
     0.2, ("the fox does not jump",)),
    ('It looks fine.\n```json\n{"things": [{"thing": "fox", "rating": 9}]}\n```', 0.9, ()),
    ('[{"what": "fox", "score": 10, "wrong": null}]', 1.0, ()),
])
def test_its_words_are_the_reading(reply: str, score: float, remarks: tuple[str, ...]) -> None:
    with FakeChatServer(lambda asked: Answer(reply)) as server:
        reading = VisionReader(settings(server)).read(picture(), QUESTION)
    assert (reading.by, reading.score, reading.remarks, reading.mark) == ("seer", score, remarks, 0.5)
    assert reading.is_right == (score >= 0.5)
    content = server.requests[0]["messages"][0]["content"]
    assert server.requests[0]["model"] == "seer"
    assert QUESTION.text in content[0]["text"]
    seen = [Image.open(BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2]))) for part in content[1:]]
    assert [image.size for image in seen] == [(64, 64)] * 4


def test_a_bad_reply_is_asked_for_again_and_then_told() -> None:
    replies = ["no idea", json.dumps({"things": [{"what": "fox", "score": 5}]}), "{}", '{"things": [{"what": "x", "score": 99}]}']
    with FakeChatServer(lambda asked: Answer(replies[asked.number - 1])) as server:
        reader = VisionReader(settings(server, mark=0.4))
        assert reader.read(picture(), QUESTION).score == 0.5
        with pytest.raises(ServiceError, match="no usable reading") as caught:
            reader.read(picture(), QUESTION)
    assert "check.vision_model" in caught.value.hint
    assert len(server.requests) == 4


def test_no_secret_is_in_the_fingerprint() -> None:
    found = VisionReader(load_settings(plan={"base_url": "http://me:secret@127.0.0.1:9/v1?key=hidden"}, check={"vision_model": "m"}))
    assert "secret" not in found.fingerprint
    assert "hidden" not in found.fingerprint
