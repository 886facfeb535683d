from ib_tutorial.cli import app

app(prog_name="python -m ib_tutorial")
