"""How fast is a model on this machine, and how near to the machine's peak?"""
