"""How fast is a model on this machine, and how near to what the machine has to give?"""
