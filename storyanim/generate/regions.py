"""Regions: who does what in one shot (DreamRunner's SR3AI in a U-Net, arXiv 2411.16657, section 3.3).

A region is a text that some cells of the picture hear, for all of the shot or a part of it. Only cross-attention is
masked: each cell reads the text of its region and no other. Self-attention and the temporal layers, which never see
text, stay whole, so one mask (T, h, w) separates texts in space and in time. All texts go through the text encoder
in one call; the U-Net runs once a step, as without regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from storyanim.artifacts import Box, Motion, Shot, corners_at, middles
from storyanim.errors import UsageError
from storyanim.generate.regions_lora import lora_hooks, reads_text

_HEARD = 0.5                                         # share of a cell that lies in a box, for it to be the box's


@dataclass(frozen=True)
class Region:
    """A text, and where and when it is heard."""

    prompt: str
    boxes: tuple[Box, ...] = ()                      # at key moments, linear between; none: the whole picture
    start: float = 0.0                               # of the shot, in [0, 1]
    end: float = 1.0
    adapters: tuple[str, ...] = ()                   # names of the LoRAs that act on no other part of the picture
    pictures: range = range(0)                       # of an IP-Adapter, by number, that no other part sees


def regions_of(
    shot: Shot, adapters: Mapping[str, str] | None = None, motions: Sequence[Motion] = (),
    pictures: Mapping[str, range] | None = None,
) -> list[Region]:
    """Return the regions of a shot's entities and events; none where one text is enough.

    Entities without boxes share the picture in equal columns, in their order from the left.

    Args:
        shot: to draw.
        adapters: name of a character or a motion → name of its LoRA.
        motions: each acts in the regions whose prompts name it; one that none names acts everywhere.
        pictures: name of a character → numbers of the pictures by which an IP-Adapter knows it.
    """
    regions = [Region(event.prompt, start=event.start, end=event.end) for event in shot.events]
    for k, entity in enumerate(shot.entities if len(shot.entities) > 1 else ()):
        worn = (adapters or {}).get(entity.name)
        regions.append(Region(entity.prompt, shot.boxes_of(k), adapters=(worn,) if worn else (),
                              pictures=(pictures or {}).get(entity.name, range(0))))
    return [_with_motions(region, adapters or {}, motions) for region in regions]


def _with_motions(region: Region, adapters: Mapping[str, str], motions: Sequence[Motion]) -> Region:
    named = tuple(adapters[motion.name] for motion in motions if motion.is_named_in(region.prompt))
    return replace(region, adapters=(*region.adapters, *named))


def assign_cells(regions: Sequence[Region], num_frames: int, size: tuple[int, int]) -> Tensor:
    """Return which text each cell hears, (T, h, w) int64: 0 the shot's own, r the r-th region's, counted from 1.

    A cell hears the region that covers most of it, at least half; of equal ones the later, which is in front.
    """
    found = torch.zeros(num_frames, *size, dtype=torch.long)
    most = torch.full((num_frames, *size), _HEARD)
    for number, region in enumerate(regions, 1):
        covered = coverage(region, num_frames, size)
        wins = covered >= most
        found[wins], most[wins] = number, covered[wins]
    return found


class RegionAttention:
    """Masks of the cross-attention of one clip, for every level of a U-Net; made once a shot."""

    def __init__(self, regions: Sequence[Region], num_frames: int, size: tuple[int, int], text_length: int) -> None:
        """Take regions for T frames of (h, w) latent cells, and the length L of one text.

        Raises UsageError for a region that no cell hears.
        """
        self._regions, self._num_frames, self._text_length = tuple(regions), num_frames, text_length
        self._sizes = {h * w: (h, w) for h, w in _levels(size)}
        self._cells: dict[int, Tensor] = {}
        self._masks: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}
        self.batch = 1                               # B of the U-Net's present call
        self.texts = torch.arange(self.num_texts)    # numbers of those that cross-attention is given
        heard = set(self.cells(size[0] * size[1]).unique().tolist())
        if lost := [region.prompt for number, region in enumerate(regions, 1) if number not in heard]:
            raise UsageError(f"no part of the picture shows {lost[0]!r}",
                             hint="make its box larger, or let it be seen longer")

    @property
    def num_texts(self) -> int:
        """The shot's own and one a region."""
        return 1 + len(self._regions)

    def cells(self, count: int) -> Tensor:
        """Return (T, h × w): which text each cell hears at the level of `count` cells."""
        if count not in self._cells:
            found = assign_cells(self._regions, self._num_frames, self._sizes[count])
            self._cells[count] = found.flatten(1)
        return self._cells[count]

    def mask(self, hidden_states: Tensor) -> Tensor:
        """Return the additive mask (B × T, h × w, texts × L) of cross-attention: 0 or -inf.

        Args:
            hidden_states: (B × T, h × w, C), frames of a clip behind one another.
        """
        frames, count, _ = hidden_states.shape
        place = (count, hidden_states.device, hidden_states.dtype)
        if place not in self._masks:
            texts = torch.arange(self.num_texts).repeat_interleave(self._text_length)           # (texts × L,)
            hears = self.cells(count)[..., None] == texts                                       # (T, h × w, texts × L)
            mask = torch.zeros(hears.shape, dtype=hidden_states.dtype).masked_fill(~hears, -torch.inf)
            self._masks[place] = mask.to(hidden_states.device)
        return self._masks[place].repeat(frames // self._num_frames, 1, 1)

    def picture_mask(self, count: int, num_pictures: int) -> Tensor:
        """Return how much each cell sees of each picture, (T, n, 1, h × w): those of its region, in equal parts.

        Pictures that are no region's are seen everywhere. The shape holds all cells in one line, since
        diffusers guesses a level's height from the shape of its mask.
        """
        owner = torch.zeros(num_pictures, dtype=torch.long)
        for number, region in enumerate(self._regions, 1):
            owner[list(region.pictures)] = number
        cells = self.cells(count)[:, None]                                                      # (T, 1, h × w)
        seen = (cells == owner[:, None]) | (owner == 0)[:, None]                                # (T, n, h × w)
        return (seen / torch.bincount(owner)[owner][:, None])[:, :, None]

    @property
    def parts_pictures(self) -> bool:
        """Whether some part of the picture alone sees some pictures."""
        return any(region.pictures for region in self._regions)

    def only_text(self, count: int) -> int | None:
        """Return the one text that all cells of a level hear, by its number; None where they hear several."""
        heard = self.cells(count).unique().tolist()
        return heard[0] if len(heard) == 1 else None

    def text_at(self, number: int) -> slice:
        """Return where a text stands among the L × texts."""
        return slice(number * self._text_length, (number + 1) * self._text_length)

    @contextmanager
    def reading(self, number: int) -> Iterator[None]:
        """Within it the layers of cross-attention are given this text alone."""
        self.texts = torch.tensor([number])
        try:
            yield
        finally:
            self.texts = torch.arange(self.num_texts)

    @property
    def worn_by(self) -> dict[str, list[int]]:
        """LoRA's name → numbers of the texts that it acts on."""
        found: dict[str, list[int]] = {}
        for number, region in enumerate(self._regions, 1):
            for adapter in region.adapters:
                found.setdefault(adapter, []).append(number)
        return found

    @contextmanager
    def applied(self, unet: Any) -> Iterator[None]:
        """Mask the U-Net's cross-attention, and its LoRAs, while the context is open."""
        before = dict(unet.attn_processors)
        masked = {name: _Masked(processor, self) if reads_text(name) else processor
                  for name, processor in before.items()}
        unet.set_attn_processor(masked)
        hooks = [unet.register_forward_pre_hook(self._note_batch), *lora_hooks(unet, self)]
        try:
            yield
        finally:
            unet.set_attn_processor(before)
            for hook in hooks:
                hook.remove()


    def _note_batch(self, unet: Any, args: tuple[Any, ...]) -> None:
        self.batch = len(args[0])                    # of the sample (B, C, T, h, w)


class _Masked:
    """An attention processor with the mask of the regions."""

    def __init__(self, processor: Any, regions: RegionAttention) -> None:
        self._processor, self._regions = processor, regions

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
                 attention_mask: Tensor | None = None, **more: Any) -> Tensor:
        if isinstance(encoder_hidden_states, tuple) and self._regions.parts_pictures:
            frames, count, _ = hidden_states.shape
            mask = self._regions.picture_mask(count, encoder_hidden_states[1][0].shape[1])
            more["ip_adapter_masks"] = [mask.repeat(frames // len(mask), 1, 1, 1)]
        alone = self._regions.only_text(hidden_states.shape[1])
        if alone is not None and encoder_hidden_states is not None:      # the same bits as without regions
            heard = _texts_at(encoder_hidden_states, self._regions.text_at(alone))
            with self._regions.reading(alone):
                return self._processor(attn, hidden_states, heard, attention_mask=attention_mask, **more)
        mask = self._regions.mask(hidden_states)
        output: Tensor = self._processor(attn, hidden_states, encoder_hidden_states, attention_mask=mask, **more)
        return output


def _texts_at(states: Any, place: slice) -> Any:
    """Return some of the texts' states, (B × T, L, D); an IP-Adapter's pictures beside them stay."""
    return (states[0][:, place], *states[1:]) if isinstance(states, tuple) else states[:, place]


# ── boxes to cells ───────────────────────────────────────────────────────────────────────────────────────


def coverage(region: Region, num_frames: int, size: tuple[int, int]) -> Tensor:
    """Return the share of each cell within a region, (T, h, w)."""
    moments = middles(num_frames)
    if not region.boxes:
        inside = torch.ones(num_frames, *size)
    else:
        corners = torch.from_numpy(corners_at(region.boxes, moments)).float()                      # (T, 4)
        across = _overlap(corners[:, 0], corners[:, 2], size[1])
        down = _overlap(corners[:, 1], corners[:, 3], size[0])
        inside = down[:, :, None] * across[:, None, :]
    within = torch.from_numpy((moments >= region.start) & (moments < region.end))
    return inside * within[:, None, None]


def _overlap(low: Tensor, high: Tensor, count: int) -> Tensor:
    """Return the share of each of `count` equal parts of [0, 1] that lies between, (T,) → (T, count)."""
    edges = torch.linspace(0, 1, count + 1)
    upper = torch.minimum(high[:, None], edges[None, 1:])
    lower = torch.maximum(low[:, None], edges[None, :-1])
    return (upper - lower).clamp(min=0) * count


def _levels(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the sizes of a U-Net's levels, each half of the one before, rounded up."""
    while True:
        yield size
        if size == (1, 1):
            return
        size = (size[0] + 1) // 2, (size[1] + 1) // 2
