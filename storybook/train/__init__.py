"""The stages that make the storybook family, one file each: `python -m storybook train STAGE`."""
