from __future__ import annotations

import pytest

from daemon.cli import main


@pytest.mark.parametrize("command", ["list", "redrive", "purge"])
def test_a_reason_that_no_letter_has_is_refused_with_the_near_miss(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip is no reason to believe that nothing is parked, or to ask whether nothing may be purged."""
    arguments = ["--reason", "timeout", "--reason", "bad-gzip", "--reason", "acces_denied"]
    monkeypatch.setattr("sys.argv", ["vigild", "dead-letters", command, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()

    assert (ended.value.code, capsys.readouterr().err.splitlines()) == (
        2,
        [
            "vigild: --reason bad-gzip: no letter has this reason; did you mean 'bad_gzip'?",
            "vigild: --reason acces_denied: no letter has this reason; did you mean 'access_denied'?",
        ],
    )
