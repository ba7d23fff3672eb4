"""Rendering: shapes, ranges, purity and the truth that comes with each frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_same_picture

from storybook.world import (
    ACCESSORIES,
    ACTIONS,
    CAMERAS,
    COLOURS,
    CREATURES,
    SCENES,
    TIMES_OF_DAY,
    WEATHERS,
    ActorSpec,
    ClipSpec,
    render_clip,
    render_frames,
    sample_spec,
    with_,
)

BEAR = ActorSpec("bear", "brown", COLOURS["brown"], None, None, None, "waving", 15.0, 0.2, 0.5, 0.65)
CLIP = ClipSpec((BEAR,), "meadow", "day", "clear", "fixed", 4)
RED = {"accessory_colour": "red", "accessory_rgb": COLOURS["red"]}


def still(spec, **kwargs):
    return render_frames(spec, [0.5], size=96, **kwargs)


def check(clip, frames=1, size=96):
    assert clip.rgb.shape == (frames, size, size, 3)
    assert clip.rgb.dtype == np.uint8
    assert clip.inverse_depth.shape == clip.mask.shape == (frames, size, size)
    assert clip.inverse_depth.dtype == np.float32
    assert clip.mask.dtype == bool
    assert clip.inverse_depth.min() >= 0
    assert clip.inverse_depth.max() <= 1
    assert clip.head_xy.shape == (frames, 2)
    assert clip.rgb.std() > 5


class TestEveryValueRenders:
    @pytest.mark.parametrize("creature", CREATURES)
    @pytest.mark.parametrize("azimuth", [0.0, 85.0])
    def test_creature(self, creature, azimuth):
        clip = still(with_(CLIP, creature=creature, azimuth_deg=azimuth))
        check(clip)
        assert 0.04 < clip.mask.mean() < 0.5

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("scene", ["lake", "bedroom"])
    def test_action(self, action, scene):
        clip = render_clip(with_(CLIP, action=action, scene=scene), size=64, num_frames=8)
        check(clip, 8, 64)
        assert clip.mask.any(axis=(1, 2)).all()
        x, y = clip.head_xy.T
        assert ((x > 0) & (x < 64) & (y > 0) & (y < 64)).all()

    @pytest.mark.parametrize("scene", SCENES)
    @pytest.mark.parametrize("time_of_day", TIMES_OF_DAY)
    def test_scene(self, scene, time_of_day):
        clip = still(with_(CLIP, scene=scene, time_of_day=time_of_day))
        check(clip)
        far = clip.inverse_depth[0, 2:6].mean()
        assert clip.inverse_depth[clip.mask].min() > far + 0.1

    @pytest.mark.parametrize("accessory", ACCESSORIES)
    @pytest.mark.parametrize("creature", CREATURES)
    def test_accessory_shows_its_colour(self, accessory, creature):
        white = {"colour": "white", "rgb": COLOURS["white"], "creature": creature, "azimuth_deg": 0.0, "action": "standing"}
        bare = still(with_(CLIP, **white)).rgb.astype(int)
        clip = still(with_(CLIP, accessory=accessory, **RED, **white))
        check(clip)
        changed = np.abs(clip.rgb.astype(int) - bare).max(axis=3) > 50
        reddish = clip.rgb[..., 0].astype(int) - clip.rgb[..., 2] > 50
        assert (changed & reddish & clip.mask).sum() > 40

    @pytest.mark.parametrize("weather", WEATHERS)
    def test_weather(self, weather):
        clip = still(with_(CLIP, weather=weather))
        check(clip)
        if weather != "clear":
            assert np.abs(clip.rgb.astype(int) - still(CLIP).rgb).mean() > 2

    @pytest.mark.parametrize("camera", CAMERAS)
    def test_camera_moves_the_background(self, camera):
        clip = render_clip(with_(CLIP, camera=camera, actors=()), size=64, num_frames=16)
        moved = np.abs(clip.rgb[-1].astype(int) - clip.rgb[0]).mean()
        assert moved == 0 if camera == "fixed" else moved > 3


class TestTruth:
    @settings(max_examples=6, deadline=None)
    @given(st.integers(0, 10**6))
    def test_same_spec_same_bytes(self, seed):
        a, b = (render_clip(sample_spec(seed), size=64, num_frames=2) for _ in range(2))
        for name in ("rgb", "inverse_depth", "mask", "head_xy"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()

    def test_an_instant_does_not_depend_on_the_others(self):
        spec = with_(CLIP, camera="pan_left", weather="snowfall", scene="lake")
        many = render_clip(spec, size=64, num_frames=8)
        one = render_frames(spec, [5 / 8], size=64)
        assert_same_picture(many.rgb[5], one.rgb[0])

    def test_phases_differ_in_motion(self):
        a, b = (render_clip(with_(CLIP, phase=p), size=64, num_frames=4) for p in (0.0, 0.5))
        assert np.abs(a.rgb.astype(int) - b.rgb).max() > 60

    @pytest.mark.parametrize("action", ACTIONS)
    def test_every_action_moves(self, action):
        clip = render_clip(with_(CLIP, action=action), size=64, num_frames=8)
        assert np.abs(np.diff(clip.rgb.astype(int), axis=0)).max() > 40

    def test_head_lies_on_the_creature(self):
        clip = render_clip(CLIP, num_frames=4)
        for mask, (x, y) in zip(clip.mask, clip.head_xy, strict=True):
            assert mask[int(y), int(x)]

    def test_the_body_has_its_colour(self):
        for name in ("red", "green", "blue"):
            clip = still(with_(CLIP, rgb=COLOURS[name], action="standing"))
            mean = clip.rgb[clip.mask].mean(axis=0)
            assert mean.argmax() == ("red", "green", "blue").index(name)

    def test_ground_comes_nearer_towards_the_bottom(self):
        inverse_depth = still(with_(CLIP, actors=(), scene="snow")).inverse_depth[0]
        assert (np.diff(inverse_depth[60:, 48]) >= 0).all()
        assert inverse_depth[0, 0] == 0

    def test_depth_has_one_scale(self):
        """Ground at one distance below the horizon has one inverse depth in every scene with that horizon."""
        clips = {scene: still(with_(CLIP, actors=(), scene=scene)) for scene in ("forest", "snow", "lake")}
        bottoms = {scene: clip.inverse_depth[0, -1, 48] for scene, clip in clips.items()}
        assert len(set(bottoms.values())) == 1

    def test_an_approaching_camera_brings_the_creature_nearer(self):
        clip = render_clip(with_(CLIP, camera="approach"), size=64, num_frames=16)
        first, last = (clip.inverse_depth[k][clip.mask[k]].mean() for k in (0, -1))
        assert last > first + 0.05
        assert clip.mask[-1].sum() > clip.mask[0].sum()


class TestActors:
    def test_two_stand_side_by_side(self):
        spec = sample_spec(3, num_actors=2)
        clip = still(with_(spec, action="standing", scene="snow", weather="clear", camera="fixed"))
        check(clip)
        assert clip.mask[0, :, :48].sum() > 100
        assert clip.mask[0, :, 48:].sum() > 100

    def test_none_is_an_empty_scene(self):
        clip = still(with_(CLIP, actors=()))
        check(clip)
        assert not clip.mask.any()
        assert np.isnan(clip.head_xy).all()

    def test_the_creature_fills_a_good_part(self):
        clip = render_clip(with_(CLIP, action="standing"), num_frames=1)
        rows = np.nonzero(clip.mask[0].any(axis=1))[0]
        assert 0.5 < (rows[-1] - rows[0]) / 128 < 0.75

    @pytest.mark.parametrize("supersample", [1, 3])
    def test_supersampling_is_free_to_choose(self, supersample):
        check(still(CLIP, supersample=supersample))
