"""The finding suite shows every detector the same photograph. Timings are no tests."""

from experiments.performance import finding
from experiments.performance.options import Options
from experiments.performance.restoring import photograph
from pconv_jax.evaluation.detection import classical_detectors


def test_every_detector_is_timed_up_to_its_largest_photograph(monkeypatch):
    shown = []
    monkeypatch.setattr(finding, "in_fresh_process", lambda function, *args: shown.append((function, args)) or 1.5)
    monkeypatch.setattr(finding, "_LARGEST", {"sato": 0.02})
    (table,) = finding.run(Options(megapixels=(0.02, 0.03), repeats=1))
    rows = [(row["method"], row["megapixels"]) for row in table.rows]
    small = [(name, 0.02) for name in (finding.OURS, finding.BEST, *classical_detectors())]
    assert rows == [*small, *((name, 0.03) for name, _ in small if name != "sato")]
    assert [row["times this package"] for row in table.rows if row["method"] == finding.OURS] == [1, 1]
    assert shown == [(finding.peak_growth, row) for row in rows]


def test_all_of_the_photograph_is_looked_at():
    image = photograph(0.02)[0]
    for name in finding.METHODS:
        response = finding.build_method(name)(image)
        assert response.shape == image.shape[:2]
        assert response.min() < response.max()
