"""Files of pictures, in and out: stills (`stills`), sequences of stills (`takes`), and clips in one file (`video`).

Pictures are straight RGBA tensors, 0..1 in display space (sRGB), alpha 1 = opaque. `whole_file` writes a file whole or
not at all, `read_back` compares it with what was meant, `in_order` works on several frames at a time, `rates` names
frame rates, `passes` makes the pictures that a compositor gets of a frame, `targets` lists the files of each delivery.
"""
