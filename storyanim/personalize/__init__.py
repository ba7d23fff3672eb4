"""A folder of pictures to what the model knows of a character: TimeInv and LoRA (AaS 3.3)."""
