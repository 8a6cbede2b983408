"""Decoding by TensorFlow graph functions, against Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from autoarch.data import ImagePreprocessing, decode_image, resize_image

HEIGHT, WIDTH = 24, 32
SAME = ImagePreprocessing(HEIGHT, WIDTH, 3)
Photo = Callable[..., np.ndarray]


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(encoded: bytes, preprocessing: ImagePreprocessing = SAME) -> np.ndarray:
    return decode_image(tf.constant(encoded), preprocessing).numpy()


def pillow(encoded: bytes) -> np.ndarray:
    """What Pillow sees: upright, over white, RGB."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


def difference(encoded: bytes, preprocessing: ImagePreprocessing = SAME) -> int:
    return int(np.abs(decode(encoded, preprocessing).astype(int) - pillow(encoded)).max())


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(photo: Photo, mode: str) -> None:
    encoded = encode(Image.fromarray(photo(1)).convert(mode), "JPEG", quality=95)
    # chroma is upsampled differently at most at cell borders
    assert difference(encoded) <= 4


def test_progressive_jpeg(photo: Photo) -> None:
    assert difference(encode(Image.fromarray(photo(1)), "JPEG", quality=95, progressive=True)) <= 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_png_modes(photo: Photo, mode: str) -> None:
    image = Image.fromarray(photo(2))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(photo(3)[..., 0]))
    assert difference(encode(image.convert(mode), "PNG")) == 0


def test_png_palette_with_transparency(photo: Photo) -> None:
    image = Image.fromarray(photo(2)).convert("P", palette=Image.Palette.ADAPTIVE)
    encoded = encode(image, "PNG", transparency=bytes([0, 128, 40] + [255] * 253))
    assert difference(encoded) == 0
    assert (decode(encoded) == 255).all(axis=-1).any()


def png_of(bits: int, colour: int, rows: list[bytes], width: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    ending = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ending


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [
        (1, b"\xa0", [255, 0, 255, 0]),
        (2, b"\x1b", [0, 85, 170, 255]),
        (4, b"\x1f\x70", [17, 255, 119, 0]),
    ],
)
def test_png_of_few_bits(bits: int, row: bytes, expected: list[int]) -> None:
    decoded = decode(png_of(bits, 0, [row], 4), ImagePreprocessing(1, 4, 3))
    assert decoded[0, :, 0].tolist() == expected


def test_png_of_16_bits() -> None:
    row = struct.pack(">4H", 0, 20_000, 40_000, 65_535)
    decoded = decode(png_of(16, 0, [row], 4), ImagePreprocessing(1, 4, 1))
    assert np.abs(decoded[0, :, 0] - np.array([0, 20_000, 40_000, 65_535]) / 257).max() <= 1
    colour = struct.pack(">3H", 65_535, 0, 30_000)
    decoded = decode(png_of(16, 2, [colour], 1), ImagePreprocessing(1, 1, 3))
    assert decoded[0, 0].tolist() == [255, 0, 117]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp_modes(photo: Photo, mode: str) -> None:
    image = Image.fromarray(photo(4, width=29)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo(5, width=29)[..., 0]))
    assert difference(encode(image, "BMP"), ImagePreprocessing(HEIGHT, 29, 3)) == 0


def test_bmp_of_4_bits_and_top_down() -> None:
    palette = bytes([0, 0, 255, 0, 255, 0, 0, 0] + [9, 8, 7, 0] * 14)  # red, blue, ...
    rows = b"\x01\x20\0\0" + b"\x10\x20\0\0"
    sizes = (40, 3, -2, 1, 4, 0, len(rows), 0, 0, 16, 0)
    header = struct.pack("<IiiHHIIiiII", *sizes)
    offset = 14 + len(header) + len(palette)
    start = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    decoded = decode(start + header + palette + rows, ImagePreprocessing(2, 3, 3))
    red, blue, other = [255, 0, 0], [0, 0, 255], [7, 8, 9]
    assert decoded.tolist() == [[red, blue, other], [blue, red, other]]


def test_bmp_with_unused_fourth_byte_is_opaque() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 32, 0, 4, 0, 0, 0, 0)
    encoded = b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + header + bytes([1, 2, 3, 0])
    assert decode(encoded, ImagePreprocessing(1, 1, 3)).tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_webp(photo: Photo, mode: str) -> None:
    image = Image.fromarray(photo(6)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo(7)[..., 0]))
    assert difference(encode(image, "WEBP", lossless=True, exact=True)) == 0


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True})])
def test_first_frame_of_an_animation(
    photo: Photo, kind: str, options: dict[str, Any], mode: str
) -> None:
    first, second = Image.fromarray(photo(8, cell=12)), Image.fromarray(photo(9, cell=12))
    if mode == "RGBA" and kind == "WEBP":
        first.putalpha(100)
        second.putalpha(50)
    encoded = encode(first, kind, save_all=True, append_images=[second], **options)
    assert difference(encoded) <= 1


@pytest.mark.parametrize("alpha", [False, True])
def test_lossy_animations_do_not_corrupt_memory(photo: Photo, alpha: bool) -> None:
    frames = [Image.fromarray(photo(i, 200, 300)) for i in range(3)]
    if alpha:
        for frame in frames:
            frame.putalpha(Image.fromarray(photo(9, 200, 300)[..., 0]))
    encoded = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=90)
    preprocessing = ImagePreprocessing(200, 300, 3)
    for _ in range(10):
        assert difference(encoded, preprocessing) <= 40


def test_first_frame_is_put_in_its_place(photo: Photo) -> None:
    frames = []
    for i in range(2):  # WebP writes the part that is not transparent
        frame = Image.new("RGBA", (40, 30))
        frame.paste(Image.fromarray(photo(i, 12, 16)), (10, 8))
        frames.append(frame)
    encoded = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert encoded[encoded.index(b"ANMF") + 8 :][:6] != bytes(6)
    expected = np.full((30, 40, 3), 255, np.uint8)
    expected[8:20, 10:26] = photo(0, 12, 16)
    assert np.array_equal(decode(encoded, ImagePreprocessing(30, 40, 3)), expected)


def animated_webp(photo: Photo) -> tuple[bytearray, int]:
    """An animation and the position of its first frame."""
    frames = [Image.fromarray(photo(i)) for i in range(2)]
    encoded = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    return bytearray(encoded), encoded.index(b"ANMF")


@pytest.mark.parametrize("harm", ["canvas", "place", "size", "cut", "cut early", "no frame"])
def test_damaged_animations_are_refused(photo: Photo, harm: str) -> None:
    encoded, frame = animated_webp(photo)
    if harm == "canvas":  # 16 million pixels a side would take all memory
        encoded[24:30] = b"\xff" * 6
    elif harm == "place":
        encoded[frame + 8 : frame + 14] = b"\x40\0\0" * 2
    elif harm == "size":
        encoded[frame + 4 : frame + 8] = b"\x08\0\0\0"
    elif harm == "cut":
        del encoded[frame + 40 :]
    elif harm == "cut early":
        del encoded[frame + 9 :]
    else:
        del encoded[frame:]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(bytes(encoded))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(photo: Photo, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    encoded = encode(Image.fromarray(photo(10)), kind, exif=exif, **options)
    shape = (WIDTH, HEIGHT) if orientation >= 5 else (HEIGHT, WIDTH)
    assert difference(encoded, ImagePreprocessing(*shape, 3)) <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["short", "long"])
def test_exif_byte_orders_and_types(photo: Photo, order: str, kind: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    entries = struct.pack(order + "HHI4s", 0x0100, 4, 1, struct.pack(order + "I", 6))
    if kind == "short":
        entries += struct.pack(order + "HHIHH", 0x0112, 3, 1, 3, 0)
    else:
        entries += struct.pack(order + "HHII", 0x0112, 4, 1, 3)
    tiff = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", 2) + entries
    exif = b"Exif\0\0" + tiff + b"\0\0\0\0"
    encoded = encode(Image.fromarray(photo(11)), "JPEG", quality=95, exif=exif)
    upright = encode(Image.fromarray(photo(11)), "JPEG", quality=95)
    assert np.array_equal(decode(encoded), decode(upright)[::-1, ::-1])


def test_exif_behind_other_segments(photo: Photo) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    options = {"quality": 95, "icc_profile": bytes(70_000), "comment": b"exif " * 99}
    encoded = encode(Image.fromarray(photo(12)), "JPEG", exif=exif, **options)
    upright = encode(Image.fromarray(photo(12)), "JPEG", **options)
    assert np.array_equal(decode(encoded), decode(upright)[::-1, ::-1])


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"M" * 40]
)
def test_malformed_exif_is_upright(photo: Photo, exif: bytes) -> None:
    upright = encode(Image.fromarray(photo(13)), "JPEG", quality=95)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert np.array_equal(decode(upright[:2] + segment + upright[2:]), decode(upright))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_is_refused(
    photo: Photo, kind: str, options: dict[str, Any], share: float
) -> None:
    encoded = encode(Image.fromarray(photo(14, cell=1)), kind, **options)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(encoded[: int(share * len(encoded))])


@pytest.mark.parametrize("encoded", [b"", b"BM", b"RIFF", b"hello, world\n" * 9, b"\xff\xd8\xff"])
def test_no_image_is_refused(encoded: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(encoded)


def test_scaling_is_close_to_pillows(photo: Photo) -> None:
    pixels = photo(15, 240, 320, 20)
    decoded = decode(encode(Image.fromarray(pixels), "PNG"), ImagePreprocessing(60, 60, 3))
    expected = Image.fromarray(pixels).resize((60, 60), Image.Resampling.BILINEAR)
    assert np.abs(decoded.astype(int) - np.asarray(expected)).max() <= 2


@pytest.mark.parametrize("side", [10, 20, 40])
def test_large_jpegs_are_decoded_smaller_but_alike(photo: Photo, side: int) -> None:
    encoded = encode(Image.fromarray(photo(16, 480, 640, 64)), "JPEG", quality=95)
    decoded = decode(encoded, ImagePreprocessing(side, side, 3)).astype(int)
    whole = tf.io.decode_jpeg(encoded, channels=3)
    expected = resize_image(whole, ImagePreprocessing(side, side, 3)).numpy()
    assert np.abs(decoded - expected).mean() < 1.0
    assert np.abs(decoded - expected).max() <= 12


def test_channels(photo: Photo) -> None:
    encoded = encode(Image.fromarray(photo(17)), "PNG")
    grey = decode(encoded, ImagePreprocessing(HEIGHT, WIDTH, 1))
    assert grey.shape == (HEIGHT, WIDTH, 1)
    assert (
        np.abs(grey[..., 0].astype(int) - np.asarray(Image.fromarray(photo(17)).convert("L"))).max()
        <= 1
    )
    tripled = resize_image(tf.constant(grey), SAME).numpy()
    assert np.array_equal(tripled, np.repeat(grey, 3, axis=-1))


def test_every_grey_survives_the_way_to_one_channel() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    encoded = encode(Image.fromarray(ramp), "PNG")
    assert np.array_equal(decode(encoded, ImagePreprocessing(16, 16, 1))[..., 0], ramp)


def test_batches_scale_like_single_pictures(photo: Photo) -> None:
    batch = np.stack([photo(i) for i in range(3)])
    preprocessing = ImagePreprocessing(7, 9, 1)
    together = resize_image(tf.constant(batch), preprocessing).numpy()
    single = [resize_image(tf.constant(image), preprocessing).numpy() for image in batch]
    assert np.array_equal(together, np.stack(single))


def test_same_pixels_in_a_dataset_and_in_an_exported_function(photo: Photo, tmp_path: Path) -> None:
    preprocessing = ImagePreprocessing(12, 10, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = [
        encode(Image.fromarray(photo(18)), "JPEG", exif=exif),
        encode(Image.fromarray(photo(19)).convert("P"), "PNG"),
        encode(Image.fromarray(photo(20)).convert("P"), "BMP"),
        encode(Image.fromarray(photo(21)), "GIF"),
        encode(Image.fromarray(photo(22)), "WEBP"),
    ]
    alone = np.stack([decode(each, preprocessing) for each in encoded])

    mapped = tf.data.Dataset.from_tensor_slices(encoded).map(
        lambda each: decode_image(each, preprocessing), num_parallel_calls=2
    )
    assert mapped.element_spec.shape == (12, 10, 3)
    assert np.array_equal(np.stack(list(mapped.as_numpy_iterator())), alone)

    module = tf.Module()
    module.decode = tf.function(
        lambda batch: tf.map_fn(
            lambda each: decode_image(each, preprocessing), batch, fn_output_signature=tf.uint8
        ),
        input_signature=[tf.TensorSpec((None,), tf.string)],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path / "decoder"))
    loaded = tf.saved_model.load(str(tmp_path / "decoder"))
    assert np.array_equal(loaded.decode(tf.constant(encoded)).numpy(), alone)


def masked_bmp(red_mask: int, alpha_mask: int, pixel: bytes) -> bytes:
    masks = struct.pack("<4I", red_mask, 0xFF00, 0xFF0000 ^ red_mask ^ 0xFF, alpha_mask)
    header = struct.pack("<IiiHHIIiiII", 56, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 74, 0, 0, 70) + header + pixel


def test_bmp_with_an_alpha_mask_is_laid_over_white() -> None:
    encoded = masked_bmp(0xFF0000, 0xFF000000, bytes([0, 0, 0, 51]))
    assert decode(encoded, ImagePreprocessing(1, 1, 3)).tolist() == [[[204, 204, 204]]]


def test_bmp_with_colours_in_another_order_is_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="unsupported"):
        decode(masked_bmp(0xFF, 0, bytes(4)))
