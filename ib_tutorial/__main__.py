from ib_tutorial.cli import main

main("python -m ib_tutorial")
