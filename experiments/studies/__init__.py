"""The paper's claims as experiments: `python -m experiments.studies NAME`; results in experiments/STUDIES.md."""
