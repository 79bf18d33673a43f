"""The frozen and the trained networks, from published files and back: Wan, CogVideoX, Mochi, text encoders, VGG."""
