"""Attack an encoder on a task; read `attack` first."""
