"""Pictures side by side, each with its title on it: for the scripts that make the pictures of the documentation."""

import cv2
import numpy as np
from PIL import Image, ImageDraw


def labelled(title: str, image: np.ndarray, scale: int = 1) -> np.ndarray:
    """A picture in [0, 1], [H, W, 3] or [H, W], enlarged pixel by pixel, with its title in a corner: uint8, RGB."""
    large = Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")
    large = large.resize((large.width * scale, large.height * scale), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    draw.rectangle((0, 0, 7 * len(title) + 5, 13), fill="black")
    draw.text((3, 1), title, fill="white")
    return np.asarray(large)


def in_a_row(panels: list[np.ndarray], gap: int = 4) -> Image.Image:
    """Panels of one height, each in a thin grey frame, with white between them."""
    grey = (128, 128, 128)
    framed = [cv2.copyMakeBorder(panel, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=grey) for panel in panels]
    white = np.full((framed[0].shape[0], gap, 3), 255, np.uint8)
    return Image.fromarray(np.hstack([part for panel in framed for part in (panel, white)][:-1]))
