"""InternVideo2 once more, as plain as can be: loops over clips and heads, in float64, from the facts."""

import math

import torch


def encode_video(state, config, clips):
    """Clips [B, T, 3, S, S] to tokens, pooled and unit features."""
    rows = [_one_clip(state, config["vision"], clip.double()) for clip in clips]
    tokens, pooled = (torch.stack(part) for part in zip(*rows, strict=True))
    return tokens, pooled, _project(state, "vision_proj", pooled)


def encode_text(state, config, numbers, mask):
    """Numbers [P, L] to tokens and unit features."""
    rows = [_one_text(state, config["text"], *one) for one in zip(numbers, mask, strict=True)]
    tokens = torch.stack(rows)
    return tokens, _project(state, "text_proj", tokens[:, 0])


def _one_clip(state, sizes, clip):
    w = {name.removeprefix("vision_encoder."): value.double() for name, value in state.items()}
    patch, width = sizes["patch_size"], sizes["embed_dim"]
    tokens = [w["cls_token"][0, 0]]
    for frame in clip:
        for top in range(0, frame.shape[1], patch):
            for left in range(0, frame.shape[2], patch):
                piece = frame[:, top : top + patch, left : left + patch]
                kernel = w["patch_embed.proj.weight"][:, :, 0]
                tokens.append((kernel * piece).sum(dim=(1, 2, 3)) + w["patch_embed.proj.bias"])
    x = torch.stack(tokens) + (w["img_pos_embed"] if len(clip) == 1 else w["pos_embed"])[0]
    eps = sizes.get("rms_norm_eps", 1e-6)
    for i in range(sizes["depth"]):
        b = {name.removeprefix(f"blocks.{i}."): value for name, value in w.items()}
        qkv = _rms(x, b["norm1.weight"], eps) @ b["attn.qkv.weight"].T
        q, k, v = qkv[:, :width], qkv[:, width : 2 * width], qkv[:, 2 * width :]
        q, k = _rms(q, b["attn.q_norm.weight"], eps), _rms(k, b["attn.k_norm.weight"], eps)
        out = _heads(q, k, v, sizes["num_heads"]) @ b["attn.proj.weight"].T + b["attn.proj.bias"]
        x = x + b["ls1.gamma"] * out
        hidden = _gelu(_rms(x, b["norm2.weight"], eps) @ b["mlp.fc1.weight"].T + b["mlp.fc1.bias"])
        x = x + b["ls2.gamma"] * (hidden @ b["mlp.fc2.weight"].T + b["mlp.fc2.bias"])
    return x, _pool(w, sizes, x)


def _pool(w, sizes, x):
    p = {name.removeprefix("clip_projector."): value for name, value in w.items()}
    eps = sizes.get("attn_pool_norm_eps", 1e-5)
    parts = []
    for name, value in (("q", x.mean(dim=0, keepdim=True)), ("k", x), ("v", x)):
        normed = _layer_norm(value, p[f"norm1_{name}.weight"], p[f"norm1_{name}.bias"], eps)
        parts.append(normed @ p[f"cross_attn.{name}.weight"].T + p[f"cross_attn.{name}_bias"])
    out = _heads(*parts, sizes["attn_pool_num_heads"])
    return (out @ p["cross_attn.proj.weight"].T + p["cross_attn.proj.bias"])[0]


def _one_text(state, sizes, numbers, mask):
    w = {name.removeprefix("text_encoder.bert."): value.double() for name, value in state.items()}
    e = {name.removeprefix("embeddings."): value for name, value in w.items()}
    eps = sizes.get("layer_norm_eps", 1e-12)
    x = e["word_embeddings.weight"][numbers] + e["token_type_embeddings.weight"][0]
    x = x + e["position_embeddings.weight"][: len(numbers)]
    x = _layer_norm(x, e["LayerNorm.weight"], e["LayerNorm.bias"], eps)
    for i in range(sizes["fusion_layer"]):
        p = {name.removeprefix(f"encoder.layer.{i}."): value for name, value in w.items()}
        q, k, v = (_linear(p, f"attention.self.{name}", x) for name in ("query", "key", "value"))
        out = _linear(p, "attention.output.dense", _heads(q, k, v, sizes["num_attention_heads"], mask))
        norm = "attention.output.LayerNorm"
        x = _layer_norm(x + out, p[f"{norm}.weight"], p[f"{norm}.bias"], eps)
        out = _linear(p, "output.dense", _gelu(_linear(p, "intermediate.dense", x)))
        x = _layer_norm(x + out, p["output.LayerNorm.weight"], p["output.LayerNorm.bias"], eps)
    return x


def _heads(q, k, v, heads, mask=None):
    size = q.shape[1] // heads
    out = []
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        logits = q[:, part] @ k[:, part].T / math.sqrt(size)
        if mask is not None:
            logits = logits.masked_fill(mask[None] == 0, -math.inf)
        out.append(logits.softmax(dim=-1) @ v[:, part])
    return torch.cat(out, dim=1)


def _rms(x, weight, eps):
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * weight


def _layer_norm(x, weight, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt() * weight + bias


def _gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def _linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _project(state, name, rows):
    out = rows @ state[f"{name}.weight"].double().T + state[f"{name}.bias"].double()
    return out / out.square().sum(dim=-1, keepdim=True).sqrt()
