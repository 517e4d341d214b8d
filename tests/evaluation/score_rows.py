"""What the tests of statistics share: a row of scores."""


def row(image, bucket="b", method="m", psnr=20.0, *, l1=0.1, whole=0.01, hole=0.25, **more):
    return {
        "image": image,
        "name": f"n{image}",
        "bucket": bucket,
        "method": method,
        "hole_fraction": hole,
        "hole_psnr": psnr,
        "hole_l1": l1,
        "whole_l1": whole,
        **more,
    }
