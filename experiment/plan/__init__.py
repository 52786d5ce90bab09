"""What is to be done: a run, the stage before it, a study of several, or a comparison of runs that exist.

Imports neither TensorFlow nor numpy.
"""
