"""The functions on AWS Lambda: its events, mapped onto what they do everywhere."""
