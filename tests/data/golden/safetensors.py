"""Writes the safetensors format: 8 bytes of length, a JSON header, then the tensors one after another."""
import json
import pathlib
import struct

import torch

DATA = pathlib.Path(__file__).resolve().parent.parent

NAMES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
}


def to_bytes(tensor):
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:  # NumPy has no bfloat16
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()


def save(name, tensors, metadata=None):
    """tensors: dict of name to tensor. Returns the path of tests/data/<name> and the number of tensors."""
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for key, tensor in tensors.items():
        blob = to_bytes(tensor)
        header[key] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = DATA / name
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    return path, len(tensors)
