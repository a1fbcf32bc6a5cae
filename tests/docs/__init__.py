"""What README and docs say is so: their code runs, type checkers read it, and they name what the code has."""
