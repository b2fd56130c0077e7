"""What every room stands on: text, files, progress, parallel work. It knows nothing of retrieval."""
