"""What a user might run instead of headrace, each given the same data, spaces and device time."""
