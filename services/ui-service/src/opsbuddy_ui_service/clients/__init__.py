"""What is asked of others: the gateway, and the API server of the cluster."""
