"""The review page: a run's film and storyboard in the browser. It holds no state of its own.

What it shows is read from the run folder, and what a person changes goes through `run/edits.py` and
`api.make_film`, as the command line's changes do. Read app.py first, then guard.py, view.py and drawing.py.
"""
