"""What is known before anything trains: wishes, data, devices, and what stages share."""
