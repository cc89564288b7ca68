"""Several models and sources as one program: `edgemm run app.json`.

recipe.py    the file          notify.py   systemd: ready, watchdog, status
service.py   the program       record.py   results as lines in a file
"""
