"""What the numbers of `metrics` say about one clip, and which of many is best: measures of each frame, a text, a plot,
a ranking and a contact sheet. The numbers themselves are defined there."""
