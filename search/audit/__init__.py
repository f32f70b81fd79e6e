"""What is wrong with a data folder, told before anything is trained on it: `headrace audit`."""
