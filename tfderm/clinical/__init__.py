"""Clinical knowledge in plain Python: scores and the words dermatologists use."""
