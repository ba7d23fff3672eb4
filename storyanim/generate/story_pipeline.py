"""The pipeline that draws a shot: AnimateDiff's, with structure guidance and TimeInv tokens in its loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

from storyanim.errors import ModelError, UsageError
from storyanim.generate.chunks import chunked_feed_forward
from storyanim.generate.denoising import Callback, Conditioning, check_callback_inputs, denoise
from storyanim.generate.finite import FiniteSteps
from storyanim.generate.noise import Generators, correlated_noise
from storyanim.generate.regions import Region, RegionAttention
from storyanim.generate.step_cache import StepCache
from storyanim.generate.structure import StructureGuide, make_guide, steps_within
from storyanim.generate.tokens import (
    TokenTable,
    check_tables,
    encode,
    prompts_of,
    warn_if_truncated,
    with_pseudo_words,
)
from storyanim.hub import silence_libraries

Shape: TypeAlias = tuple[int, int, int, int]         # B, T, H, W


class StoryVideoPipeline(AnimateDiffPipeline):
    """Text, depth and character tokens to video latents to video (AaS 3.2, 3.3).

    It loads and saves the diffusers layout. All components are diffusers' and transformers' own; `structure`,
    a T2IAdapter or a ControlNetModel for depth, may be absent. LoRA, IP-Adapters and FreeNoise work as
    in `AnimateDiffPipeline`; its FreeInit, and FreeNoise's prompts for single frames, are refused.

    To draw, it is called with:
        prompt: one text or B; words of `tokens` in it are drawn as that character.
        prompt_embeds, negative_prompt_embeds: (B, L, D) of `encode_prompt`, in place of texts.
        structure_frames: inverse depth (T, H, W) or (B, T, H, W) in [0, 1], 1 nearest; None: no structure.
        control_guidance_end: part of the trajectory, from the noisy end, with structure: of N steps the first
            control_guidance_end × N, rounded with halves up. The rest never touches the branch.
        conditioning_scale: of what the branch adds.
        tokens: of characters; those whose word stands in no prompt have no effect.
        regions: texts that parts of the picture hear in place of the prompt, for one prompt; see `regions`.
        ip_adapter_image: pictures (H, W, 3) uint8 of who is drawn, for a loaded IP-Adapter; none: it does nothing.
        ip_adapter_scale: of what the IP-Adapter adds.
        num_frames, height, width: T frames of H × W pixels; the U-Net's own size when not given.
        guidance_scale: of classifier-free guidance; 1 or less is none.
        cache_interval: steps of which one computes all of the U-Net, see `step_cache`; 1: each does.
        guidance_interval: part of the trajectory, counted like control_guidance_end, that is guided;
            elsewhere the unconditional half is not computed.
        generator: on the CPU whatever the device, so that a seed means the same noise everywhere.
        latents: start noise (B, C, T, h, w) of unit variance, in place of the generator's.
        noise_correlation: of any two frames' start noise, in [0, 1), see `noise.correlated_noise`.
        noise_shift: picture widths by which the common noise moves to the right from a frame to the next.
        output_type: "np" (B, T, H, W, 3) in [0, 1], "pt" (B, T, 3, H, W), "pil", or "latent" (B, C, T, h, w).
        callback_on_step_end: called with (pipeline, step, timestep, {"latents": ...}); its own replace them. The
            pipeline's `_guidance_scale` and `_interrupt` may be set by it, as in diffusers.
        decode_chunk_size: frames that the VAE decodes at once; few are faster on a CPU: its caches are small.
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
        self.halves_of_guidance = False              # one after the other: half of the activations
        self.text_encoder_leaves = False             # the device, after its one call
        self.finite_steps = FiniteSteps()
        self._tokenizers: dict[tuple[str, ...], Any] = {}         # pseudo-words → a tokenizer that knows them

    # ── the parts that training shares with drawing ─────────────────────────────────────────────────────────

    def encode_prompts(self, prompts: Sequence[str], embeddings: Mapping[str, Tensor]) -> Tensor:
        """Encode N prompts in one call of the text encoder; differentiable in `embeddings`.

        Args:
            prompts: N texts.
            embeddings: pseudo-word → (N, d), its embedding in each prompt; empty for plain text.

        Returns: (N, L, D).
        """
        words = tuple(sorted(embeddings))
        if words not in self._tokenizers:
            self._tokenizers[words] = with_pseudo_words(self.tokenizer, words)
        tokenizer = self._tokenizers[words] if words else self.tokenizer
        if self.tokenizer.added_tokens_encoder:      # an embedding of several vectors is as many words
            with silence_libraries():                # of its length we warn ourselves
                prompts = [self.maybe_convert_prompt(prompt, self.tokenizer) for prompt in prompts]
        return encode(tokenizer, self.text_encoder, prompts, embeddings, self._execution_device)

    def structure_guide(self, inverse_depth: Any, conditioning_scale: float = 1.0) -> StructureGuide:
        """Return the guide of inverse depth (B, T, H, W) in [0, 1], 1 nearest, numpy or torch.

        Raises ModelError without a structure branch.
        """
        if self.structure is None:
            raise ModelError("this pipeline has no structure branch",
                             hint="name one as `structure` in the profile's [models]")
        inverse_depth = torch.as_tensor(inverse_depth).to(self._execution_device)
        if isinstance(self.structure, T2IAdapter):
            # an autoencoder may make a picture smaller than the adapter does
            ratio = self.vae_scale_factor // self.structure.config.downscale_factor
            if ratio > 1:
                inverse_depth = torch.nn.functional.avg_pool2d(inverse_depth.float(), ratio)
        return make_guide(self.structure, self.unet, inverse_depth, conditioning_scale)

    def predict(
        self, sample: Tensor, timestep: Tensor, prompt_embeds: Tensor, guide: StructureGuide | None = None,
        image_embeds: Tensor | None = None,
    ) -> Tensor:
        """Call the U-Net once; differentiable.

        Args:
            sample: (B, C, T, h, w), scaled for the model.
            timestep: one number, or (B,).
            prompt_embeds: (B, L, D).
            guide: structure of B clips, or of fewer that are then repeated; None: no structure.
            image_embeds: (B, n, ...) of pictures, for an IP-Adapter.

        Returns: (B, C, T, h, w) float32, what the scheduler's prediction type says.
        """
        sample = sample.to(self.unet.dtype)
        states = prompt_embeds.to(self.unet.dtype).repeat_interleave(sample.shape[2], dim=0)  # (B × T, L, D)
        # a branch reads the prompt, not the regions' texts
        plain = states[:, : getattr(self.tokenizer, "model_max_length", None)]
        with guide.applied(sample, timestep, plain) if guide else nullcontext({}) as more:
            if image_embeds is not None:
                more = more | {"added_cond_kwargs": {"image_embeds": [image_embeds.to(self.unet.dtype)]}}
            output = self.unet(sample, timestep, encoder_hidden_states=states, return_dict=False, **more)[0]
        return output.float()

    # ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────

    @torch.no_grad()
    def __call__(  # noqa: PLR0913  (a diffusers pipeline takes its settings by name)
        self,
        prompt: str | Sequence[str] | None = None, *,
        prompt_embeds: Tensor | None = None, negative_prompt_embeds: Tensor | None = None,
        structure_frames: Any = None, control_guidance_end: float = 1.0, conditioning_scale: float = 1.0,
        tokens: Sequence[TokenTable] = (), regions: Sequence[Region] = (),
        ip_adapter_image: Sequence[Any] = (), ip_adapter_scale: float = 1.0,
        num_frames: int = 16, height: int | None = None, width: int | None = None,
        num_inference_steps: int = 20, negative_prompt: str = "",
        guidance_scale: float = 3.0, guidance_interval: tuple[float, float] = (0.0, 1.0), cache_interval: int = 1,
        generator: Generators = None, latents: Tensor | None = None, eta: float = 0.0,
        noise_correlation: float = 0.0, noise_shift: float = 0.0,
        output_type: str = "np", return_dict: bool = True, decode_chunk_size: int = 4,
        callback_on_step_end: Callback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> AnimateDiffPipelineOutput | tuple[Any]:
        """Draw one clip a prompt, see the class. Raises UsageError, ModelError, CharacterError."""
        # 1. Inputs
        prompts = prompts_of(prompt, prompt_embeds, in_words=bool(tokens or regions))
        shape = self._shape(len(prompts), num_frames, height, width)
        check_callback_inputs(callback_on_step_end, callback_on_step_end_tensor_inputs, self._callback_tensor_inputs)
        self._guidance_scale, self._interrupt = guidance_scale, False

        # 2. Timesteps
        self.scheduler.set_timesteps(num_inference_steps, device=self._execution_device)
        timesteps = self.scheduler.timesteps
        self._num_timesteps = len(timesteps)
        structure_steps = steps_within((0.0, control_guidance_end), timesteps, structure_frames is not None)
        guidance_steps = steps_within(guidance_interval, timesteps, guidance_scale > 1)

        # 3. Text at each timestep, and pictures
        attention = self._region_attention(regions, shape)
        texts = [*prompts, *(region.prompt for region in regions)]
        with self._on_device(self.text_encoder):
            embeds = self._prompt_embeds(texts, tokens, timesteps) if prompt_embeds is None else prompt_embeds[None]
            if guidance_steps and negative_prompt_embeds is None:
                negative_prompt_embeds = self.encode_prompts([negative_prompt] * len(texts), {})
        image_embeds = self._image_embeds(ip_adapter_image, ip_adapter_scale, len(prompts))

        # 4. Structure, once
        guide = self._guide(structure_frames, shape, conditioning_scale) if structure_steps else None

        # 5. Noise
        latents = self._noise(shape, generator, latents, noise_correlation, noise_shift)

        # 6. Denoising
        conditioning = Conditioning(timesteps, embeds, negative_prompt_embeds, guide, structure_steps, guidance_steps,
                                    image_embeds)
        conditioning = conditioning.of_one_clip() if attention else conditioning
        step_kwargs = self.prepare_extra_step_kwargs(generator, eta)
        cache = StepCache(cache_interval) if cache_interval > 1 else None
        with chunked_feed_forward(self.unet), _applied(cache, self.unet), _applied(attention, self.unet):
            latents = denoise(self, latents, conditioning, step_kwargs, callback_on_step_end, cache)

        # 7. Pixels
        video = latents
        if output_type != "latent":
            pixels = self.decode_latents(latents, decode_chunk_size)
            video = self.video_processor.postprocess_video(video=pixels, output_type=output_type)
        self.maybe_free_model_hooks()
        return AnimateDiffPipelineOutput(frames=video) if return_dict else (video,)

    def enable_free_noise(self, context_length: int = 16, context_stride: int = 4) -> None:
        """Draw clips in overlapping windows (FreeNoise, arXiv 2310.15169) until `disable_free_noise()`.

        The windows' start noise is the first one's, shuffled; each temporal layer averages the windows that
        hold a frame. The parent's method needs a motion adapter; here the U-Net has its motion layers.

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
        """Decode (B, C, T, h, w) to (B, 3, T, H, W) in [-1, 1] in chunks, with the VAE's `shift_factor`."""
        shift = (self.vae.config.get("shift_factor") or 0.0) * self.vae.config.scaling_factor
        return super().decode_latents((latents + shift).to(self.vae.dtype), decode_chunk_size)

    # ── the numbered steps ──────────────────────────────────────────────────────────────────────────────────

    def _shape(self, batch: int, num_frames: int, height: int | None, width: int | None) -> Shape:
        """Return (B, T, H, W), the U-Net's own size by default. Raises UsageError when it cannot be drawn."""
        height = height or self.unet.config.sample_size * self.vae_scale_factor
        width = width or self.unet.config.sample_size * self.vae_scale_factor
        if height % self.vae_scale_factor or width % self.vae_scale_factor:
            raise UsageError(f"frames of {width}x{height} cannot be drawn",
                             hint=f"width_px and height_px must be multiples of {self.vae_scale_factor}")
        most = self.unet.config.motion_max_seq_length
        if num_frames > most and not self.free_noise_enabled:
            raise UsageError(f"{num_frames} frames are more than the motion layers know",
                             hint=f"set generate.num_frames to {most} at most")
        if self.free_init_enabled:
            raise UsageError("FreeInit is not part of this pipeline", hint="call disable_free_init()")
        return batch, num_frames, height, width

    def _region_attention(self, regions: Sequence[Region], shape: Shape) -> RegionAttention | None:
        """Return the masks of the regions; None where there are none. Raises UsageError."""
        if not regions:
            return None
        if shape[0] != 1:
            raise UsageError(f"regions belong to one clip, there are {shape[0]} prompts", hint="draw them one by one")
        size = shape[2] // self.vae_scale_factor, shape[3] // self.vae_scale_factor
        return RegionAttention(regions, shape[1], size, self.tokenizer.model_max_length)

    def _prompt_embeds(self, prompts: list[str], tokens: Sequence[TokenTable], timesteps: Tensor) -> Tensor:
        """Return (N, B, L, D) from one batch of N × B prompts, or (1, B, L, D) when no prompt has a token."""
        warn_if_truncated(self.tokenizer, prompts)
        present = [token for token in tokens if any(token.token in prompt for prompt in prompts)]
        if not present:
            return self.encode_prompts(prompts, {})[None]
        width = self.text_encoder.config.hidden_size
        check_tables(present, self.scheduler.config.num_train_timesteps, width)
        embeddings = {token.token: token.embeddings_at(timesteps).repeat_interleave(len(prompts), dim=0)
                      for token in present}
        states = self.encode_prompts(prompts * len(timesteps), embeddings)                     # (N × B, L, D)
        return states.unflatten(0, (len(timesteps), len(prompts)))

    @contextmanager
    def _on_device(self, network: torch.nn.Module) -> Iterator[None]:
        """Have a network on the device for its one call, if it lies on the CPU otherwise."""
        if self.text_encoder_leaves:
            network.to(self._execution_device)
        yield
        if self.text_encoder_leaves:
            network.to("cpu")

    def _image_embeds(self, pictures: Sequence[Any], scale: float, batch: int) -> tuple[Tensor, Tensor] | None:
        """Return embeddings (B, n, ...) of n pictures and of none, for the IP-Adapter; None where there is none."""
        if self.unet.config.encoder_hid_dim_type != "ip_image_proj":
            if len(pictures):
                raise UsageError("this pipeline has no IP-Adapter to see pictures with",
                                 hint="name one as ip_adapter in the profile's [models]")
            return None
        self.set_ip_adapter_scale(scale if pictures else 0.0)
        side = self.image_encoder.config.image_size
        shown = list(pictures) or [torch.zeros(side, side, 3, dtype=torch.uint8).numpy()]
        with self._on_device(self.image_encoder):
            (both,) = self.prepare_ip_adapter_image_embeds([shown], None, self._execution_device, batch, True)
        hidden, visible = both.chunk(2)
        return visible, hidden

    def _guide(self, frames: Any, shape: Shape, conditioning_scale: float) -> StructureGuide:
        inverse_depth = torch.as_tensor(frames)
        if inverse_depth.ndim == 3:
            inverse_depth = inverse_depth[None].expand(shape[0], *inverse_depth.shape)          # (B, T, H, W)
        if tuple(inverse_depth.shape) != shape:
            raise UsageError(f"structure_frames are {tuple(inverse_depth.shape)}, the clip is {shape}",
                             hint="resize them first")
        return self.structure_guide(inverse_depth, conditioning_scale)

    def _noise(
        self, shape: Shape, generator: Generators, given: Tensor | None, correlation: float, shift: float
    ) -> Tensor:
        """Return start latents (B, C, T, h, w) float32, scaled for the scheduler, drawn on the CPU."""
        batch, num_frames, height, width = shape
        cpu, channels = torch.device("cpu"), self.unet.config.in_channels
        latents = self.prepare_latents(
            batch, channels, num_frames, height, width, torch.float32, cpu, generator, given
        )
        if correlation and given is None:
            sigma = self.scheduler.init_noise_sigma
            latents = correlated_noise(latents, correlation, shift, generator, sigma)
        return latents.to(self._execution_device)


def _applied(part: StepCache | RegionAttention | None, unet: Any) -> AbstractContextManager[None]:
    return part.applied(unet) if part else nullcontext()
