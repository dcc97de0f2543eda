"""``python -m vop_core.cli``: what ``torchrun`` starts in each of its processes."""

from vop_core.cli import main

if __name__ == "__main__":
    main()
