"""The stages that make the storybook family, one file each: `storyanim train STAGE`."""
