"""The second world's pictures: everything renders, its depth is exact, each figure has its mask."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storybook.world import (
    COLOURS,
    STORYBOOK_2,
    ActorSpec,
    ClipSpec,
    render_clip,
    render_frames,
    sample_spec,
    solids,
    with_,
)
from storybook.world.cast import SPECIES
from storybook.world.deeds import THING_OF
from storybook.world.places import lay_out
from storybook.world.scenes import INVERSE_DEPTH_ROWS
from storybook.world.sheet import EVERY, every
from storybook.world.things import HELD

SIZE = 64


def figure(creature, action="standing", **changes):
    things = (THING_OF[action],) if action in THING_OF else ()
    hair = SPECIES[creature].hair
    red = COLOURS["red"]
    actor = ActorSpec(creature, "red", red, None, None, None, action, 30.0, 0.1, 0.5, 0.5, things=things,
                      hair_style=hair[0] if hair else None)
    return replace(actor, **changes)


def clip(*actors, scene="meadow", **changes):
    return with_(ClipSpec(actors, scene, "day", "clear", "fixed", 4), **changes)


def still(spec, time_s=0.5, size=SIZE):
    return render_frames(spec, [time_s], size=size)


class TestEverythingRenders:
    @pytest.mark.parametrize("creature", STORYBOOK_2.creatures)
    def test_every_creature_does_every_action(self, creature):
        for action in STORYBOOK_2.actions:
            drawn = still(clip(figure(creature, action)), size=48)
            assert 0.02 < drawn.mask.mean() < 0.5, action
            x, y = drawn.head_xy[0]
            assert 0 < x < 48, action
            assert -6 < y < 48, action

    @pytest.mark.parametrize("scene", STORYBOOK_2.scenes)
    def test_every_scene_at_every_time(self, scene):
        seen = []
        for time_of_day in STORYBOOK_2.times_of_day:
            drawn = still(clip(figure("girl"), scene=scene, time_of_day=time_of_day))
            assert drawn.rgb.std() > 5
            assert drawn.inverse_depth.min() >= 0
            assert drawn.inverse_depth.max() <= 1
            seen.append(drawn.rgb.astype(int))
        assert min(np.abs(a - b).mean() for k, a in enumerate(seen) for b in seen[:k]) > 1.5

    @pytest.mark.parametrize("weather", STORYBOOK_2.weathers[1:])
    def test_every_weather_shows(self, weather):
        spec = clip(figure("wolf"), scene="castle")
        assert np.abs(still(with_(spec, weather=weather)).rgb.astype(int) - still(spec).rgb).mean() > 2

    @pytest.mark.parametrize("accessory", STORYBOOK_2.accessories)
    @pytest.mark.parametrize("creature", ["girl", "man", "lion", "robot"])
    def test_what_is_worn_shows_its_colour(self, creature, accessory):
        white = figure(creature, colour="white", rgb=COLOURS["white"], azimuth_deg=160.0 if accessory == "cape" else 0.0)
        worn = replace(white, accessory=accessory, accessory_colour="blue", accessory_rgb=COLOURS["blue"])
        bare, dressed = still(clip(white), size=96), still(clip(worn), size=96)
        changed = np.abs(dressed.rgb.astype(int) - bare.rgb).max(axis=3) > 40
        bluish = dressed.rgb[..., 2].astype(int) - dressed.rgb[..., 0] > 40
        assert (changed & bluish & dressed.mask).sum() > 30

    @pytest.mark.parametrize("attribute", EVERY)
    def test_a_sheet_can_show_every_value(self, attribute):
        specs = every(attribute, STORYBOOK_2)
        shown = [getattr(spec, attribute, None) or getattr(spec.actors[0], attribute) for spec in specs]
        assert shown == list(STORYBOOK_2.words[attribute])

    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 10**6), st.integers(1, 3))
    def test_same_spec_same_bytes(self, seed, count):
        a, b = (render_clip(sample_spec(seed, num_actors=count, world=STORYBOOK_2), size=SIZE, num_frames=2) for _ in range(2))
        for name in ("rgb", "inverse_depth", "mask", "head_xy", "owner"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()

    def test_256_shows_what_128_shows(self):
        for seed in (1, 2, 5, 9):
            spec = sample_spec(seed, num_actors=1, world=STORYBOOK_2)
            small, large = still(spec, size=128), still(spec, size=256)
            halved = large.rgb[0].reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
            assert np.abs(halved - small.rgb[0]).mean() < 6
            assert (large.mask[0][::2, ::2] == small.mask[0]).mean() > 0.98
            assert np.abs(large.head_xy - 2 * small.head_xy).max() < 2


class TestSolids:
    @pytest.mark.parametrize("kind", [solids.BOX, solids.TUBE, solids.RING, solids.BOWL])
    def test_front_is_the_first_point_of_the_surface(self, kind):
        """Compared with marching along each ray from the camera."""
        rng = np.random.default_rng(kind)
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        inverse = np.linalg.inv(turn @ np.diag([0.8, 0.5, 0.6]))
        x, y = np.linspace(-1.2, 1.2, 23, dtype=np.float32), np.linspace(1.2, -1.2, 23, dtype=np.float32)[:, None]
        found = solids.front(kind, inverse, x, y)
        steps = np.linspace(1.6, -1.6, 1601)
        for i in range(23):
            for j in range(23):
                u = inverse @ np.stack([np.full(1601, x[j]), np.full(1601, y[i, 0]), steps])
                hit = np.nonzero(inside(kind, u))[0]
                if hit.size and found[i, j] > -9:
                    assert abs(found[i, j] - steps[hit[0]]) < (0.1 if kind == solids.BOWL else 0.04)
                elif hit.size > 20 and kind != solids.BOWL:
                    pytest.fail(f"missed at {i}, {j}")
                elif found[i, j] > -9 and not hit.size:
                    assert np.abs(inside_margin(kind, inverse @ np.array([x[j], y[i, 0], found[i, j]]))) < 0.05

    def test_normals_face_the_camera(self):
        rng = np.random.default_rng(0)
        unit = rng.uniform(-1, 1, (200, 3)).astype(np.float32)
        for kind in (solids.BOX, solids.TUBE, solids.RING, solids.BOWL):
            found = solids.normals(np.full(200, kind), unit, np.broadcast_to(np.eye(3), (200, 3, 3)))
            assert (found[:, 2] >= 0).all()


def inside(kind, u):
    r = np.hypot(u[0], u[2])
    if kind == solids.BOX:
        return (np.abs(u) <= 1).all(axis=0)
    if kind == solids.BOWL:  # a shell without thickness
        return (np.abs(np.linalg.norm(u, axis=0) - 1) < 0.01) & (u[1] <= 0.01)
    return (np.abs(u[1]) <= 1) & (r <= 1) & (r >= (solids.BORE if kind == solids.RING else 0))


def inside_margin(kind, u):
    """How far a point is from the surface, in unit space."""
    r = np.hypot(u[0], u[2])
    if kind == solids.BOX:
        return np.abs(u).max() - 1
    if kind == solids.BOWL:
        return np.linalg.norm(u) - 1
    edges = [abs(abs(u[1]) - 1), abs(r - 1)] + ([abs(r - solids.BORE)] if kind == solids.RING else [])
    return min(edges)


class TestDepth:
    def test_a_hall_is_its_geometry(self):
        """Where no prop stands, inverse depth is that of the floor, a wall, the ceiling or the far end."""
        spec = clip(scene="palace")
        stage, inverse_depth = lay_out(spec), still(spec, size=128).inverse_depth[0]
        at = (np.arange(128) + 0.5) / 128
        room, horizon = stage.room, stage.horizon
        floor = (at[:, None] - horizon) / INVERSE_DEPTH_ROWS
        side = np.abs(at[None, :] - 0.5) / room.half_width
        ceiling = (horizon - at[:, None]) / room.height
        planes = np.broadcast_arrays(floor, side, ceiling, np.full((128, 128), room.back))
        truth = np.minimum(np.maximum.reduce(planes), 1)
        same = np.abs(inverse_depth - truth) < 1e-4
        assert same.mean() > 0.6
        assert (inverse_depth[~same] > truth[~same]).all()  # props stand before the walls

    def test_a_vault_is_round(self):
        spec = clip(scene="cave")
        stage, inverse_depth = lay_out(spec), still(spec, size=128).inverse_depth[0]
        at = (np.arange(128) + 0.5) / 128
        up, out = (stage.horizon - at[:40, None]) / stage.room.height, (at[None, :] - 0.5) / stage.room.half_width
        same = np.abs(inverse_depth[:40] - np.maximum(np.sqrt(up**2 + out**2), stage.room.back)) < 1e-4
        assert same.mean() > 0.6

    @pytest.mark.parametrize("scene", ["palace", "cave", "kitchen", "garden", "sea", "road"])
    def test_depth_has_one_scale(self, scene):
        """The ground's inverse depth follows from the row alone, in every scene."""
        spec = clip(scene=scene)
        inverse_depth, horizon = still(spec, size=96).inverse_depth[0], lay_out(spec).horizon
        wanted = min(1, ((94.5 / 96) - horizon) / INVERSE_DEPTH_ROWS)
        assert inverse_depth[-2, 48] == pytest.approx(wanted, abs=1e-4)

    def test_a_moving_camera_keeps_the_walls_in_place(self):
        pan = render_frames(clip(scene="palace", camera="pan_right"), [0.0, 2.0], size=96).inverse_depth
        still_ = still(clip(scene="palace"), size=96).inverse_depth[0]
        assert pan[0, 40, 4] > still_[40, 4] > pan[1, 40, 4]  # the camera goes away from the left wall

    def test_what_is_held_is_before_the_body(self):
        bare = still(clip(figure("bear", "reading", things=(), azimuth_deg=0.0)), size=128)
        book = still(clip(figure("bear", "reading", azimuth_deg=0.0)), size=128)
        changed = (book.inverse_depth != bare.inverse_depth)[0]
        assert changed.sum() > 60
        assert (book.inverse_depth[0][changed] > bare.inverse_depth[0][changed]).mean() > 0.97

    @pytest.mark.parametrize("thing", sorted(HELD))
    def test_every_thing_shows_and_has_depth(self, thing):
        action = next((a for a, t in THING_OF.items() if t == thing), "sleeping" if thing == "bed" else "standing")
        bare, with_thing = (still(clip(figure("cat", action, things=t)), size=96) for t in ((), (thing,)))
        new = np.abs(with_thing.rgb.astype(int) - bare.rgb).max(axis=3)[0] > 25
        assert new.sum() > 25
        assert (with_thing.inverse_depth != bare.inverse_depth).any()


class TestMasks:
    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 10**6), st.integers(1, 3))
    def test_each_figure_has_its_own(self, seed, count):
        drawn = render_clip(sample_spec(seed, num_actors=count, world=STORYBOOK_2), size=SIZE, num_frames=3)
        assert drawn.masks.shape == (count, 3, SIZE, SIZE)
        assert drawn.masks.dtype == bool
        assert (drawn.masks.sum(axis=0) <= 1).all()
        assert (drawn.masks.any(axis=0) == drawn.mask).all()
        assert drawn.masks.any(axis=(2, 3)).all()

    def test_none_has_none(self):
        assert still(clip()).masks.shape == (0, 1, SIZE, SIZE)

    def test_what_it_rides_is_not_the_figure(self):
        bare, riding = (still(clip(figure("fox", "cycling", things=t)), size=128) for t in ((), ("bicycle",)))
        assert riding.mask.sum() <= bare.mask.sum()
        assert not (riding.mask & ~bare.mask).any()

    def test_who_is_in_front_hides_who_is_behind(self):
        back, front = figure("bear", x=0.5, row=0.80, size=0.45), figure("girl", x=0.53, row=0.93, size=0.6)
        both, alone = still(clip(front, back), size=128), still(clip(back), size=128)
        assert both.masks[1].sum() < alone.masks[0].sum()
        depth = both.inverse_depth[0]
        assert depth[both.masks[0, 0]].min() > depth[both.masks[1, 0]].max() - 0.05

    def test_the_figure_has_its_colour_and_the_thing_has_not(self):
        drawn = still(clip(figure("bear", "carrying", colour="blue", rgb=COLOURS["blue"])), size=128)
        mean = drawn.rgb[drawn.mask].mean(axis=0)
        assert mean.argmax() == 2
