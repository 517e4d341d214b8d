"""Loss curves: what their panels say, and mistakes."""

import sys

import matplotlib
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from experiments import loss_curves
from pconv_jax.common.errors import InputError


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that were saved."""
    saved = []
    save = matplotlib.figure.Figure.savefig

    def spy(self, *args, **kwargs):
        saved.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return saved


def test_running_mean_worked_by_hand():
    values = np.array([1.0, 2.0, 6.0, 4.0, 5.0])
    np.testing.assert_allclose(loss_curves._running_mean(values, 1), [1.5, 3, 4, 5, 4.5])
    np.testing.assert_array_equal(loss_curves._running_mean(values, 0), values)


def test_loss_curve_panels(tmp_path, drawn):
    steps = np.arange(1, 301)
    history = {
        "generator": 100.0 * np.exp(-steps / 50) + 0.1,
        "discriminator": np.linspace(1.4, 1.0, 300),
        "with_zero": np.maximum(0.0, 100.0 - steps),
        "pixel_l2": 5.0 / steps,
    }
    settings, modules = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    loss_curves.loss_curve(history, steps, tmp_path / "new" / "loss.png", title="dtd", units={"discriminator": "nats"})
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == modules

    with Image.open(tmp_path / "new" / "loss.png") as picture:
        assert picture.format == "PNG"
        assert np.ptp(np.asarray(picture.convert("L"))) > 200
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["loss.png"]
    (figure,) = drawn
    assert figure.get_suptitle() == "dtd"
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["generator", "discriminator", "with zero", "pixel l2"]
    assert [panel.get_yscale() for panel in panels] == ["log", "linear", "linear", "log"]
    assert [panel.get_ylabel() for panel in panels] == ["loss", "loss (nats)", "loss", "loss"]
    assert {panel.get_xlabel() for panel in panels} == {"training step"}
    for panel, values in zip(panels, history.values(), strict=True):
        recorded, mean = panel.lines
        np.testing.assert_array_equal(recorded.get_xydata(), np.stack([steps, values], axis=1))
        np.testing.assert_array_equal(mean.get_xdata(), steps)


@pytest.mark.parametrize("count", [1, 3])
def test_short_histories_are_drawn_as_points(tmp_path, drawn, count):
    loss_curves.loss_curve({"generator": [3.0, 2.0, 1.0][:count]}, [1, 50, 100][:count], tmp_path / "l.png", title="t")
    (line,) = drawn[0].axes[0].lines
    assert line.get_marker() == "o"
    assert len(line.get_xdata()) == count


@pytest.mark.parametrize(
    ("history", "steps", "message"),
    [
        ({}, [1, 2], "no loss to draw: 0 losses at 2 steps"),
        ({"generator": []}, [], "no loss to draw: 1 losses at 0 steps"),
        ({"generator": [1.0]}, [1, 2], r"'generator' has shape \(1,\).*\(2,\)"),
        ({"generator": [1.0, 2.0]}, [2, 2], "increasing"),
        ({"generator": [1.0, np.nan]}, [10, 20], "'generator' is nan at step 20"),
        ({"generator": [-np.inf, 1.0]}, [10, 20], "'generator' is -inf at step 10"),
    ],
)
def test_loss_curve_mistakes(tmp_path, history, steps, message):
    with pytest.raises(InputError, match=message):
        loss_curves.loss_curve(history, steps, tmp_path / "loss.png", title="t")
    assert not list(tmp_path.iterdir())
