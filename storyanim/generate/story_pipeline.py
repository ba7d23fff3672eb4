"""The pipeline that draws a shot: AnimateDiff's, with structure guidance and TimeInv tokens in the denoising loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    MotionAdapter,
    SchedulerMixin,
    T2IAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from diffusers.pipelines.animatediff import AnimateDiffPipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

from storyanim.errors import ModelError, UsageError
from storyanim.generate.structure import StructureGuide, make_guide, steps_of
from storyanim.generate.tokens import TokenTable, check_tables, encode, warn_if_cut, with_pseudo_words

Callback = Callable[["StoryVideoPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor]]
Generators: TypeAlias = "torch.Generator | list[torch.Generator] | None"


@dataclass(frozen=True)
class Course:
    """What the denoising of one shot follows."""

    timesteps: Tensor                                # (N,)
    text: Tensor                                     # (N, B, L, D), or (1, B, L, D) when it is the same at every step
    blank: Tensor | None                             # (B, L, D), the unconditional text; None without guidance
    guide: StructureGuide | None
    structured: range                                # steps with structure
    guided: range                                    # steps with classifier-free guidance
    guidance_scale: float


class StoryVideoPipeline(AnimateDiffPipeline):
    """Text, depth and character tokens to video latents to video (AaS 3.2, 3.3).

    It loads and saves the diffusers layout. All components are diffusers' and transformers' own; `structure`, a T2IAdapter
    or a ControlNetModel for depth, may be absent. LoRA and FreeNoise work as in `AnimateDiffPipeline`; its FreeInit and
    IP-Adapters are not part of this loop.

    To draw, it is called with:
        prompt: one text or B; words of `tokens` in it are drawn as that character.
        structure_frames: inverse depth (T, H, W) or (B, T, H, W) in [0, 1], 1 nearest; None: no structure.
        control_guidance_end: the part of the trajectory, from the noisy end, with structure: with N steps those
            with index below control_guidance_end × N, rounded with halves up. The rest never touches the branch.
        conditioning_scale: of what the branch adds.
        num_frames, height, width: T frames of H × W pixels; the U-Net's own size when not given.
        guidance_scale: of classifier-free guidance; 1 or less is none.
        guidance_interval: the part of the trajectory, counted like control_guidance_end, that is guided;
            elsewhere the unconditional half is not computed.
        generator: on the CPU whatever the device, so that a seed means the same noise everywhere.
        latents: start noise (B, C, T, h, w) of unit variance, in place of the generator's.
        noise_correlation: correlation of any two frames' start noise, in [0, 1): the share of its variance that
            all frames have in common (the mixed noise of PYoCo, arXiv 2305.10474).
        noise_shift: how far the common noise moves to the right from a frame to the next, in picture widths: what is drawn
            out of it moves along, as under a camera that pans left (after noise warping, arXiv 2501.08331).
        output_type: "np" (B, T, H, W, 3) in [0, 1], "pt" (B, T, 3, H, W), "pil", or "latent" (B, C, T, h, w).
        callback_on_step_end: called with (pipeline, step, timestep, {"latents": ...}); what it returns replaces them.
        decode_chunk_size: frames that the VAE decodes at once; few are faster on a CPU, whose caches are small.
    """

    _optional_components = ["feature_extractor", "image_encoder", "motion_adapter", "structure"]  # noqa: RUF012
    _callback_tensor_inputs = ["latents"]  # noqa: RUF012

    def __init__(  # noqa: PLR0913  (a diffusers pipeline takes each component by name)
        self,
        vae: AutoencoderKL | AutoencoderTiny,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel | UNetMotionModel,
        scheduler: SchedulerMixin,
        motion_adapter: MotionAdapter | None = None,
        feature_extractor: CLIPImageProcessor | None = None,
        image_encoder: CLIPVisionModelWithProjection | None = None,
        structure: T2IAdapter | ControlNetModel | None = None,
    ) -> None:
        super().__init__(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, motion_adapter=motion_adapter,
            scheduler=scheduler, feature_extractor=feature_extractor, image_encoder=image_encoder,
        )
        self.register_modules(structure=structure)
        self._tokenizers: dict[tuple[str, ...], Any] = {}           # pseudo-words → the tokenizer that knows them

    # ── the parts that training shares with drawing ──────────────────────────────────────────────────────────────────

    def encode_prompt_rows(self, prompts: Sequence[str], rows: Mapping[str, Tensor]) -> Tensor:
        """Text states of N prompts in one call of the text encoder; differentiable in `rows`.

        Args:
            prompts: N texts.
            rows: pseudo-word → (N, d), its token embedding in each prompt; empty for plain text.

        Returns: (N, L, D).
        """
        words = tuple(sorted(rows))
        if words not in self._tokenizers:
            self._tokenizers[words] = with_pseudo_words(self.tokenizer, words) if words else self.tokenizer
        return encode(self._tokenizers[words], self.text_encoder, prompts, rows, self._execution_device)

    def structure_guide(self, inverse_depth: Any, scale: float = 1.0) -> StructureGuide:
        """Return the guide of inverse depth (B, T, H, W) in [0, 1], 1 nearest, numpy or torch.

        Raises ModelError without a structure branch.
        """
        if self.structure is None:
            raise ModelError("this pipeline has no structure branch", hint="name one as `structure` in the profile's [models]")
        inverse_depth = torch.as_tensor(inverse_depth).to(self._execution_device)
        return make_guide(self.structure, self.unet, inverse_depth, scale)

    def predict(self, sample: Tensor, timestep: Tensor, text: Tensor, guide: StructureGuide | None = None) -> Tensor:
        """One call of the U-Net, differentiable.

        Args:
            sample: (B, C, T, h, w), scaled for the model.
            timestep: one number, or (B,).
            text: (B, L, D).
            guide: structure of B clips, or of fewer that are then repeated; None: no structure.

        Returns: (B, C, T, h, w) float32, what the scheduler's prediction type says.
        """
        sample = sample.to(self.unet.dtype)
        each = text.to(self.unet.dtype).repeat_interleave(sample.shape[2], dim=0)                 # (B × T, L, D)
        with guide.added(sample, timestep, each) if guide else nullcontext({}) as extra:
            output: Tensor = self.unet(sample, timestep, encoder_hidden_states=each, return_dict=False, **extra)[0]
        return output.float()

    # ── drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @torch.no_grad()
    def __call__(  # noqa: PLR0913  (a diffusers pipeline takes its settings by name)
        self,
        prompt: str | Sequence[str],
        *,
        structure_frames: Any = None,
        control_guidance_end: float = 1.0,
        conditioning_scale: float = 1.0,
        tokens: Sequence[TokenTable] = (),
        num_frames: int = 16,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 20,
        guidance_scale: float = 3.0,
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        negative_prompt: str = "",
        generator: Generators = None,
        latents: Tensor | None = None,
        noise_correlation: float = 0.0,
        noise_shift: float = 0.0,
        eta: float = 0.0,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callback | None = None,
        decode_chunk_size: int = 4,
    ) -> AnimateDiffPipelineOutput | tuple[Any]:
        """Draws one clip a prompt; the class tells the arguments. Raises UsageError, ModelError, CharacterError."""
        # 1. Inputs
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        height = height or self.unet.config.sample_size * self.vae_scale_factor
        width = width or self.unet.config.sample_size * self.vae_scale_factor
        shape = (len(prompts), num_frames, height, width)
        self._check(shape)

        # 2. Timesteps
        self.scheduler.set_timesteps(num_inference_steps, device=self._execution_device)
        timesteps = self.scheduler.timesteps
        guided = self._guided_steps(guidance_scale, guidance_interval, len(timesteps))

        # 3. Text at each timestep
        text = self._text(prompts, tokens, timesteps)
        blank = self.encode_prompt_rows([negative_prompt] * len(prompts), {}) if guided else None

        # 4. Structure, once
        num_structured = steps_of(control_guidance_end, len(timesteps)) if structure_frames is not None else 0
        structured = range(num_structured)
        guide = self._guide(structure_frames, shape, conditioning_scale) if structured else None

        # 5. Noise
        latents = self._noise(shape, generator, latents, noise_correlation, noise_shift)

        # 6. Denoising
        course = Course(timesteps, text, blank, guide, structured, guided, guidance_scale)
        step_kwargs = self.prepare_extra_step_kwargs(generator, eta)
        latents = self._denoise(latents, course, step_kwargs, callback_on_step_end)

        # 7. Pixels
        video = latents if output_type == "latent" else self._pixels(latents, output_type, decode_chunk_size)
        self.maybe_free_model_hooks()
        return AnimateDiffPipelineOutput(frames=video) if return_dict else (video,)

    def enable_free_noise(self, context_length: int = 16, context_stride: int = 4) -> None:
        """Draw clips in overlapping windows (FreeNoise, arXiv 2310.15169) until `disable_free_noise()`.

        The windows' start noise is the first one's, shuffled; each temporal layer averages the windows that hold a
        frame. The parent's method asks a motion adapter, which a U-Net with motion layers of its own lacks.

        Args:
            context_length: frames of a window; a clip needs at least as many.
            context_stride: frames from one window to the next.
        """
        self._free_noise_context_length, self._free_noise_context_stride = context_length, context_stride
        self._free_noise_weighting_scheme, self._free_noise_noise_type = "pyramid", "shuffle_context"
        for block in (*self.unet.down_blocks, self.unet.mid_block, *self.unet.up_blocks):
            if hasattr(block, "motion_modules"):
                self._enable_free_noise_in_block(block)

    def decode_latents(self, latents: Tensor, decode_chunk_size: int = 4) -> Tensor:
        """(B, C, T, h, w) → (B, 3, T, H, W) in [-1, 1], a few frames at a time; heeds the VAE's `shift_factor`."""
        shift = (self.vae.config.get("shift_factor") or 0.0) * self.vae.config.scaling_factor
        return super().decode_latents((latents + shift).to(self.vae.dtype), decode_chunk_size)

    # ── the numbered steps ───────────────────────────────────────────────────────────────────────────────────────────

    def _check(self, shape: tuple[int, int, int, int]) -> None:
        _, num_frames, height, width = shape
        if height % self.vae_scale_factor or width % self.vae_scale_factor:
            raise UsageError(f"frames of {width}x{height} cannot be drawn",
                             hint=f"width_px and height_px must be multiples of {self.vae_scale_factor}")
        most = self.unet.config.motion_max_seq_length
        if num_frames > most and not self.free_noise_enabled:
            raise UsageError(f"{num_frames} frames are more than the motion layers know",
                             hint=f"set generate.num_frames to {most} at most")
        if self.free_init_enabled:
            raise UsageError("FreeInit is not part of this pipeline", hint="call disable_free_init()")

    def _guided_steps(self, scale: float, interval: tuple[float, float], num_steps: int) -> range:
        if scale <= 1:
            return range(0)
        return range(steps_of(interval[0], num_steps), steps_of(interval[1], num_steps))

    def _text(self, prompts: list[str], tokens: Sequence[TokenTable], timesteps: Tensor) -> Tensor:
        """(N, B, L, D) from one batch of N × B prompts, or (1, B, L, D) when no prompt has a token."""
        warn_if_cut(self.tokenizer, prompts)
        said = [token for token in tokens if any(token.token in prompt for prompt in prompts)]
        if not said:
            return self.encode_prompt_rows(prompts, {})[None]
        check_tables(said, self.scheduler.config.num_train_timesteps, self.text_encoder.config.hidden_size)
        rows = {token.token: token.rows(timesteps).repeat_interleave(len(prompts), dim=0) for token in said}
        return self.encode_prompt_rows(prompts * len(timesteps), rows).unflatten(0, (len(timesteps), len(prompts)))

    def _guide(self, frames: Any, shape: tuple[int, int, int, int], scale: float) -> StructureGuide:
        inverse_depth = torch.as_tensor(frames)
        if inverse_depth.ndim == 3:
            inverse_depth = inverse_depth[None].expand(shape[0], *inverse_depth.shape)          # (B, T, H, W)
        if tuple(inverse_depth.shape) != shape:
            raise UsageError(f"structure_frames are {tuple(inverse_depth.shape)}, the clip is {shape}",
                             hint="resize them first")
        return self.structure_guide(inverse_depth, scale)

    def _noise(
        self, shape: tuple[int, int, int, int], generator: Generators, given: Tensor | None, shared: float, shift: float = 0.0
    ) -> Tensor:
        """Start latents (B, C, T, h, w) float32, scaled for the scheduler, drawn on the CPU."""
        batch, num_frames, height, width = shape
        cpu, channels = torch.device("cpu"), self.unet.config.in_channels
        latents = self.prepare_latents(batch, channels, num_frames, height, width, torch.float32, cpu, generator, given)
        if shared and given is None:
            h, w = latents.shape[-2:]
            places = [round(shift * w * k) for k in range(num_frames)]                            # whole cells: noise stays white
            left, right = max(places), -min(places)
            wide = randn_tensor((batch, channels, 1, h, left + w + right), generator=generator, device=cpu, dtype=torch.float32)
            common = torch.cat([wide[..., left - place:left - place + w] for place in places], dim=2)
            latents = (1 - shared) ** 0.5 * latents + shared**0.5 * common * self.scheduler.init_noise_sigma
        return latents.to(self._execution_device)

    def _denoise(self, latents: Tensor, course: Course, step_kwargs: dict[str, Any], callback: Callback | None) -> Tensor:
        with self.progress_bar(total=len(course.timesteps)) as bar:
            for i, t in enumerate(course.timesteps):
                predicted = self._guided_prediction(self.scheduler.scale_model_input(latents, t), i, course)
                latents = self.scheduler.step(predicted, t, latents, **step_kwargs).prev_sample
                if callback is not None:
                    latents = callback(self, i, t, {"latents": latents}).get("latents", latents)
                bar.update()
        return latents

    def _guided_prediction(self, sample: Tensor, i: int, course: Course) -> Tensor:
        t, text = course.timesteps[i], course.text[i % len(course.text)]
        guide = course.guide if i in course.structured else None
        if course.blank is None or i not in course.guided:
            return self.predict(sample, t, text, guide)
        both = self.predict(torch.cat([sample] * 2), t, torch.cat([course.blank, text]), guide)
        blank, told = both.chunk(2)
        return blank + course.guidance_scale * (told - blank)

    def _pixels(self, latents: Tensor, output_type: str, decode_chunk_size: int) -> Any:
        video = self.decode_latents(latents, decode_chunk_size)
        return self.video_processor.postprocess_video(video=video, output_type=output_type)
