"""What the package reads: cards, languages, plug-ins, downloads."""
