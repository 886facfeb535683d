"""Slicing past the end of a tensor is silent: here the images that an experiment takes are counted before it takes them."""


def check_enough(name: str, **splits: tuple[int, int]) -> None:
    """Check that each split of a data set has as many images as the settings take.

    Args:
        name: the data set's.
        splits: for each split how many images there are and how many are needed: `train=(20_000, 60_000)`.

    Raises:
        ValueError: a split has too few; the record would name a number of images that no network saw.
    """
    lacking = [f"{there:,} {split} images, {needed:,} needed" for split, (there, needed) in splits.items() if there < needed]
    if lacking:
        raise ValueError(
            f"{name} has too few images for these settings: {'; '.join(lacking)}; give the folder of the whole data set with "
            "--data, or choose a smaller --profile"
        )
