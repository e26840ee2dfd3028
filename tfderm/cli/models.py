"""`tfderm models [NAME]`: the networks."""


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("models", help="list the networks", description="List networks or describe one.")
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.set_defaults(run=run)


def run(arguments) -> int:
    from tfderm.models import create_model, list_models

    if arguments.name is None:
        print("\n".join(list_models()))
        return 0
    from tfderm.cli.backend import start_keras

    start_keras()
    model = create_model(arguments.name)
    print(f"{arguments.name}: {model.count_params():,} parameters")
    print(f"  input   image {tuple(model.input.shape[1:])} uint8 RGB")
    for name, tensor in model.output.items():
        print(f"  output  {name} {tuple(tensor.shape[1:])}")
    return 0
