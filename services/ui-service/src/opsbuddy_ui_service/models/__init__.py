"""What the gateway and the cluster say, as it is kept."""
