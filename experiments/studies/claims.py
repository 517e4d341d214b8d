"""The paper's claims: for each the arms that test it, and the comparisons that decide, fixed before any training."""

from types import MappingProxyType

from experiments.studies.study import Arm, Comparison, Condition, Study

_OFF = {"adversarial_weight": 0.0, "perceptual_weight": 0.0}
# The paper's system on the same budget: all three losses, noise, plain L2.
_PAPER = {"adversarial_weight": 0.001, "perceptual_weight": 0.01, "noise": 0.05, "hole_weight": 1.0}
_LINES, _RATIOS = Condition("lines"), Condition("ratios", masks="ratios")
_CLASSICAL = ("ns", "telea", "biharmonic", "fsr_fast")
_NOISE = tuple(Condition(f"input noise {sigma:g}", noise=sigma) for sigma in (0.0, 0.05, 0.1, 0.15))

STUDIES = MappingProxyType(
    {
        study.name: study
        for study in (
            Study(
                name="losses",
                claim="The adversarial loss gives clearer images, the perceptual loss a smaller perceptual difference.",
                arms=(
                    Arm("L2", _OFF),
                    Arm("L2+adv", {**_OFF, "adversarial_weight": 0.001}),
                    Arm("L2+perc", {**_OFF, "perceptual_weight": 0.01}),
                    Arm("L2+adv+perc", {"adversarial_weight": 0.001, "perceptual_weight": 0.01}),
                    Arm("paper", _PAPER),
                ),
                conditions=(_LINES,),
                primary=(
                    Comparison("L2+adv", "L2", "hole_sharpness", "lines", 1),
                    Comparison("L2+adv+perc", "L2+perc", "hole_sharpness", "lines", 1),
                    Comparison("L2+perc", "L2", "perceptual", "lines", -1),
                    Comparison("L2+adv+perc", "L2+adv", "perceptual", "lines", -1),
                ),
                classical=_CLASSICAL,
            ),
            Study(
                name="noise",
                claim="Noise on the training images makes the network robust to noise, and its results more natural.",
                arms=(
                    *(Arm(f"noise {sigma:g}", {**_OFF, "noise": sigma}) for sigma in (0.0, 0.05, 0.15)),
                    Arm("paper", _PAPER),
                ),
                conditions=_NOISE,
                primary=(
                    Comparison("noise 0.15", "noise 0", "hole_psnr", _NOISE[-1].name, 1),
                    Comparison("noise 0.15", "noise 0", "naturalness", _NOISE[0].name, -1),
                ),
                classical=_CLASSICAL,
            ),
            Study(
                name="conventional",
                claim="The network has an advantage over conventional methods.",
                arms=(Arm("paper", _PAPER), Arm("weighted L2", _OFF)),
                conditions=(_LINES, _RATIOS),
                primary=tuple(Comparison("paper", method, "hole_psnr", "lines", 1) for method in _CLASSICAL),
                classical=("mean", *_CLASSICAL),
            ),
            Study(
                name="convolution",
                claim="Partial convolutions are better than plain ones that see the mask as a fourth channel.",
                arms=(
                    Arm("plain", {**_OFF, "convolution": "plain"}),
                    Arm("partial", {**_OFF, "convolution": "partial"}),
                    Arm("paper", _PAPER),
                ),
                conditions=(_LINES, _RATIOS),
                primary=(
                    Comparison("partial", "plain", "hole_psnr", "lines", 1),
                    Comparison("partial", "plain", "hole_psnr", "ratios", 1),
                ),
                classical=_CLASSICAL,
            ),
            Study(
                name="null",
                claim="The paper's system, trained again with other seeds, is better than itself: none should be held.",
                arms=(Arm("paper", _PAPER), Arm("paper again", _PAPER, repeats="paper")),
                conditions=(_LINES,),
                primary=(
                    Comparison("paper again", "paper", "hole_psnr", "lines", 1),
                    Comparison("paper again", "paper", "hole_sharpness", "lines", 1),
                    Comparison("paper again", "paper", "perceptual", "lines", -1),
                    Comparison("paper again", "paper", "naturalness", "lines", -1),
                ),
                classical=("ns",),
            ),
        )
    }
)
