"""What is needed to run the functions somewhere else."""
