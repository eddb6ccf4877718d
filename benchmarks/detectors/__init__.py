"""The detector beside its peers: scores, throughput, and the page that says so: `make bench-detectors`."""
