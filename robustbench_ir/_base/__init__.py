"""What every room stands on: text, files, progress, parallel work, the cache. It knows nothing of retrieval."""
