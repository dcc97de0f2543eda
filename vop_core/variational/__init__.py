"""The mathematics: tensors in, tensors out; knows no network and no data."""
