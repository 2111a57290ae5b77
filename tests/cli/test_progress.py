from aggregator.cli.progress import RoundWatch


def test_whoever_waits_for_another_process_is_told_of_it_on_stderr(capsys):
    RoundWatch(as_json=True).waits_for("a.example")
    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err.startswith("a.example: another process polls it; waiting")
