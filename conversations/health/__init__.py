"""How numbers fare: figures, risk, brake, failures in words."""
