"""The files that graphs name: models as they are published, clips and pictures of the input folder."""

from __future__ import annotations

from .description import File

COMFY_ORG = "Comfy-Org/Wan_2.1_ComfyUI_repackaged"
V2, VAES, KIJAI = "htdong/Wan-Alpha-v2.0", "htdong/Wan-Alpha-VAE", "Kijai/WanVideo_comfy"

BASE, BASE_FP8 = "wan2.1_t2v_14B_fp16.safetensors", "wan2.1_t2v_14B_fp8_scaled.safetensors"
TEXT_ENCODER = "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
VAE, DECODERS, ALPHA_VAE = "wan_2.1_vae.safetensors", "decoder.bin", "Wan-Alpha-v2-VAE.bin"
RGB_VAE, PHA_VAE = "wan_alpha_2.1_vae_rgb_channel.safetensors", "wan_alpha_2.1_vae_alpha_channel.safetensors"
DORA_V1, DORA_V2 = "wan_alpha_2.1_rgba_lora.safetensors", "t2v.safetensors"
SPEED = "lightx2v_T2V_14B_cfg_step_distill_v2_lora_rank64_bf16.safetensors"

COGVIDEOX, COGVIDEOX_I2V, TRANSPIXAR = "zai-org/CogVideoX-5b", "zai-org/CogVideoX-5b-I2V", "wileewang/TransPixar"
MOCHI_ORG, T5_ORG = "Comfy-Org/mochi_preview_repackaged", "comfyanonymous/flux_text_encoders"

COG_BASE = tuple(f"CogVideoX-5b-{n:05}-of-00002.safetensors" for n in (1, 2))
COG_I2V_BASE = tuple(f"CogVideoX-5b-I2V-{n:05}-of-00003.safetensors" for n in (1, 2, 3))
COG_LORA, COG_VAE, T5 = "cogvideox_rgba_lora.safetensors", "cogvideox_vae.safetensors", "t5xxl_fp16.safetensors"
WAN_SMALL, WAN_JOINT_LORA = "wan2.1_t2v_1.3B_fp16.safetensors", "wan2.1_1.3B_rgba_joint_lora.safetensors"
MOCHI_BASE, MOCHI_VAE = "mochi_preview_bf16.safetensors", "mochi_vae.safetensors"
MOCHI_LORA = "mochi_rgba_lora.ckpt"
UPSCALER, INTERPOLATOR = "RealESRGAN_x2plus.pth", "rife_v4.26.safetensors"
WEIGHTS = "diffusion_pytorch_model"
RENAMED, OWN = "{}, `{}`, renamed", "your own training: none is published"

XL_BASE, SD15_BASE = "sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly-fp16.safetensors"
SCRIBBLE = "control_v11p_sd15_scribble_fp16.safetensors"
FLUX_BASE, CLIP_L, FLUX_VAE = "flux1-dev.safetensors", "clip_l.safetensors", "ae.safetensors"
XL_ATTN, XL_BG2BLE, XL_BGBLE2FG = (
    f"layer_xl_{name}.safetensors" for name in ("transparent_attn", "bg2ble", "bgble2fg")
)
SD15_JOINT = "layer_sd15_joint.safetensors"
XL_DECODER, SD15_DECODER = (f"{name}vae_transparent_decoder.safetensors" for name in ("", "layer_sd15_"))
FLUX_LAYERS, FLUX_TRANSPARENT_VAE = "layerlora.safetensors", "TransparentVAE.pth"
LAYERDIFFUSION, FLUX_LAYERDIFFUSE = "LayerDiffusion/layerdiffusion-v1", "RedAIGC/Flux-version-LayerDiffuse"

FILES = {
    BASE: File("diffusion_models", "28.6 GB", COMFY_ORG),
    BASE_FP8: File("diffusion_models", "14.3 GB", COMFY_ORG),
    TEXT_ENCODER: File("text_encoders", "6.7 GB", COMFY_ORG),
    VAE: File("vae", "254 MB", COMFY_ORG),
    DECODERS: File("vae", "", V2),
    ALPHA_VAE: File("vae", "", VAES),
    RGB_VAE: File("vae", "254 MB", COMFY_ORG),
    PHA_VAE: File("vae", "254 MB", COMFY_ORG),
    DORA_V1: File("loras", "312 MB", COMFY_ORG),
    DORA_V2: File("loras", "312 MB", V2),
    SPEED: File("loras", "630 MB", KIJAI),
    **{
        name: File("diffusion_models", "", RENAMED.format(source, f"transformer/{name.replace(prefix, WEIGHTS)}"))
        for names, source, prefix in (
            (COG_BASE, COGVIDEOX, "CogVideoX-5b"),
            (COG_I2V_BASE, COGVIDEOX_I2V, "CogVideoX-5b-I2V"),
        )
        for name in names
    },
    COG_LORA: File("loras", "", TRANSPIXAR),
    COG_VAE: File("vae", "", RENAMED.format(COGVIDEOX, f"vae/{WEIGHTS}.safetensors")),
    T5: File("text_encoders", "9.8 GB", T5_ORG),
    WAN_SMALL: File("diffusion_models", "2.8 GB", COMFY_ORG),
    WAN_JOINT_LORA: File("loras", "", OWN),
    MOCHI_BASE: File("diffusion_models", "20 GB", MOCHI_ORG),
    MOCHI_VAE: File("vae", "", MOCHI_ORG),
    MOCHI_LORA: File("loras", "", OWN),
    UPSCALER: File("upscale_models", "67 MB", "the releases of github.com/xinntao/Real-ESRGAN"),
    INTERPOLATOR: File("frame_interpolation", "23 MB", "Comfy-Org/frame_interpolation"),
    XL_BASE: File("checkpoints", "6.9 GB", "stabilityai/stable-diffusion-xl-base-1.0"),
    SD15_BASE: File("checkpoints", "2.1 GB", "Comfy-Org/stable-diffusion-v1-5-archive"),
    SCRIBBLE: File("controlnet", "723 MB", "comfyanonymous/ControlNet-v1-1_fp16_safetensors"),
    FLUX_BASE: File("diffusion_models", "23.8 GB", "black-forest-labs/FLUX.1-dev"),
    CLIP_L: File("text_encoders", "246 MB", T5_ORG),
    FLUX_VAE: File("vae", "335 MB", "black-forest-labs/FLUX.1-dev"),
    FLUX_LAYERS: File("loras", "", FLUX_LAYERDIFFUSE),
    FLUX_TRANSPARENT_VAE: File("layer_model", "", FLUX_LAYERDIFFUSE),
    **{
        name: File("layer_model", "", LAYERDIFFUSION)
        for name in (XL_ATTN, XL_BG2BLE, XL_BGBLE2FG, XL_DECODER, SD15_JOINT, SD15_DECODER)
    },
}

COLOUR_CLIP, MATTE_CLIP, PICTURE = "clip_colour.mp4", "clip_matte.mp4", "picture_rgba.png"
RGBA_CLIP = "clip_rgba.mov"
BACKGROUND, SKETCH = "background.png", "sketch.png"
V2_FILES = (TEXT_ENCODER, VAE, DECODERS, DORA_V2, SPEED)
