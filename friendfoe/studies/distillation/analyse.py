"""What the study computes from networks and images, beyond the attacks."""
