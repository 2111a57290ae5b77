"""Measurements and trials on real input; they need files that the project does not ship."""
